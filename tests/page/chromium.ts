/**
 * A real browser for the page's tests: Chromium, driven by playwright-core. It keeps the errors of
 * each page and the hosts that the page asked.
 */
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const WAIT_MS = 15_000;

export interface WatchedPage {
  readonly page: Page;
  /** Errors that the page logged or did not catch. */
  readonly errors: readonly string[];
  /** The hosts that the page asked for something. */
  readonly hosts: ReadonlySet<string>;
  /** Waits until the elements with this test id, below `within`, show exactly these texts. */
  shows(testId: string, texts: string | readonly string[], within?: string): Promise<void>;
  /** The text of the only element with this test id. */
  text(testId: string): Promise<string>;
}

/**
 * Runs `test` with a browser of its own, and ends it whatever happens.
 * @param more arguments of Chromium for this test.
 */
export async function withBrowser(
  test: (browser: Browser) => Promise<void>,
  more: readonly string[] = [],
): Promise<void> {
  const args = [...ARGUMENTS, ...more];
  const browser = await chromium.launch({ executablePath: await findChromium(), args });
  try {
    await test(browser);
  } finally {
    await browser.close();
  }
}

export interface PageOptions extends BrowserContextOptions {
  /** The page shares its storage and its routes with other pages of this context. */
  readonly context?: BrowserContext;
  /** Called before the page asks the server for anything. */
  readonly prepare?: (page: Page) => Promise<unknown>;
}

/** Opens `url` in a tab that shares nothing with others. */
export async function openPage(
  browser: Browser,
  url: string,
  { context, prepare, ...options }: PageOptions = {},
): Promise<WatchedPage> {
  const page = context === undefined
    ? await browser.newPage({ locale: "en-US", ...options })
    : await context.newPage();
  await prepare?.(page);
  page.setDefaultTimeout(WAIT_MS);
  const errors: string[] = [];
  const hosts = new Set<string>();
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  page.on("websocket", (socket) => hosts.add(new URL(socket.url()).host));
  await page.goto(url);
  return {
    page,
    errors,
    hosts,
    shows: (testId, texts, within) => shows(page, testId, texts, within),
    text: async (testId) => await page.getByTestId(testId).textContent() ?? "",
  };
}

async function shows(
  page: Page,
  testId: string,
  texts: string | readonly string[],
  within = "body",
): Promise<void> {
  const found = page.locator(within).getByTestId(testId);
  const expected = JSON.stringify([texts].flat());
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    // A page that is loaded again has nothing to show for a moment.
    const texts = await found.allTextContents().catch(() => []);
    const shown = JSON.stringify(texts.map((text) => text.trim()));
    if (shown === expected) return;
    if (performance.now() > deadline) {
      throw new Error(`${testId} shows ${shown} after ${WAIT_MS} ms, not ${expected}`);
    }
    await page.waitForTimeout(50);
  }
}

/** @throws Error with one line that says how to get Chromium. */
async function findChromium(): Promise<string> {
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  for (const name of NAMES) {
    for (const folder of folders) {
      const path = `${folder}/${name}`;
      const info = await Deno.stat(path).catch(() => null);
      if (info?.isFile) return path;
    }
  }
  throw new Error(
    "the page's tests need Chromium on PATH: apt-get install -y --no-install-recommends chromium",
  );
}
