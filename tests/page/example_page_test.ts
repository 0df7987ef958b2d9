/**
 * The page of examples/ in a real browser: served by another host than Weir, or opened as a file.
 */
import { assertEquals } from "@std/assert";
import type { Browser, Page } from "playwright-core";
import { awayFromMidnight } from "../support/load/midnight.ts";
import { startPathProxy } from "../support/faults/path_proxy.ts";
import { anInput } from "../support/load/orders.ts";
import { until } from "../support/services/services.ts";
import { openPage, withBrowser } from "./chromium.ts";
import { KEY, type TestService, withService } from "./service.ts";

const FILE = new URL("../../examples/page.html", import.meta.url);

/** Runs `test` with a web server whose one page is the example, and whose origin is listed. */
async function inBrowser(
  test: (browser: Browser, service: TestService, pageUrl: string) => Promise<void>,
): Promise<void> {
  await awayFromMidnight();
  const html = await Deno.readTextFile(FILE);
  const headers = { "content-type": "text/html; charset=utf-8" };
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => undefined },
    ({ url }) => new Response(new URL(url).pathname === "/page.html" ? html : null, { headers }),
  );
  const origin = `http://127.0.0.1:${server.addr.port}`;
  const pageUrl = `${origin}/page.html`;
  try {
    await withService(
      (service) => withBrowser((browser) => test(browser, service, pageUrl)),
      undefined,
      { WEIR_ALLOWED_ORIGINS: `${origin},null` },
    );
  } finally {
    await server.shutdown();
  }
}

const linkOf = (pageUrl: string, { url }: TestService, more = "") =>
  `${pageUrl}#url=${encodeURIComponent(url)}&key=${KEY}${more}`;

/** Waits until the page shows this state and these cells. */
async function shows(page: Page, state: string | RegExp, cells: readonly string[]): Promise<void> {
  let seen = "";
  await until(`the page to show ${state} and ${cells}`, async () => {
    const status = await page.getByRole("status").textContent() ?? "";
    const shown = await page.locator("td").allTextContents();
    seen = `${status} ${shown}`;
    const fits = typeof state === "string" ? status === state : state.test(status);
    return fits && JSON.stringify(shown) === JSON.stringify(cells);
  }).catch((error) => {
    throw new Error(`the page shows ${seen}`, { cause: error });
  });
}

Deno.test("example page: an address below a path of a proxy is kept", () =>
  inBrowser(async (browser, service, pageUrl) => {
    const proxy = await startPathProxy(service.url, "/weir");
    for (const url of [proxy.url, proxy.url.slice(0, -1)]) {
      const { page } = await openPage(browser, linkOf(pageUrl, { ...service, url }));
      await shows(page, "Live: all stores, no orders today.", []);
      await page.close();
    }
    await proxy.close();
  }));

/** A sum that no JavaScript number can hold. */
const LARGE = Array.from(
  { length: 10 },
  (_, index) => ({ sku: `gem-${index}`, quantity: 900, unitPriceMinor: 10 ** 12 }),
);

Deno.test("example page: figures appear, and change to the digit as orders are committed", () =>
  inBrowser(async (browser, service, pageUrl) => {
    const { page, errors, hosts } = await openPage(browser, linkOf(pageUrl, service));
    await shows(page, "Live: all stores, no orders today.", []);
    assertEquals(page.url(), pageUrl, "the key stays out of the address bar");
    await service.api.orders.place.mutate(anInput());
    await shows(page, "Live: all stores.", ["EUR", "1", "2", "€9.00"]);
    await service.api.orders.place.mutate(anInput({ currency: "JPY", lines: LARGE }));
    await service.api.orders.place.mutate(
      anInput({ currency: "JPY", lines: [{ sku: "pin", quantity: 1, unitPriceMinor: 1 }] }),
    );
    const jpy = ["JPY", "2", "9,001", "¥9,000,000,000,000,001"];
    await shows(page, "Live: all stores.", ["EUR", "1", "2", "€9.00", ...jpy]);
    assertEquals(errors, []);
    assertEquals([...hosts].sort(), [new URL(pageUrl).host, new URL(service.url).host].sort());
  }));

Deno.test("example page: opened as a file it takes a key in its form, and one store", () =>
  inBrowser(async (browser, service) => {
    await service.api.orders.place.mutate(anInput({ storeId: "kiosk" }));
    await service.api.orders.place.mutate(anInput({ storeId: "shop", currency: "BHD" }));
    const { page, errors } = await openPage(browser, FILE.href);
    await shows(page, "Fill in the form.", []);
    await page.getByLabel("Address").fill(service.url);
    await page.getByLabel("API key").fill("wrong");
    await page.getByRole("button").click();
    await shows(page, "Weir refuses: the API key is wrong or revoked.", []);
    await page.getByLabel("API key").fill(KEY);
    await page.getByLabel("Store").fill("kiosk");
    await page.getByRole("button").click();
    await shows(page, "Live: kiosk.", ["EUR", "1", "2", "€9.00"]);
    await page.getByLabel("Store").fill("shop");
    await page.getByRole("button").click();
    await shows(page, "Live: shop.", ["BHD", "1", "2", "BHD\u00a00.900"]);

    const linked = await openPage(browser, linkOf(FILE.href, service, "&store=kiosk"));
    await shows(linked.page, "Live: kiosk.", ["EUR", "1", "2", "€9.00"]);
    assertEquals(linked.page.url(), FILE.href);
    assertEquals([...errors, ...linked.errors], []);
  }));

Deno.test("example page: it says that Weir is away, and goes on by itself", () =>
  inBrowser(async (browser, service, pageUrl) => {
    await service.api.orders.place.mutate(anInput());
    const { page } = await openPage(browser, linkOf(pageUrl, service));
    await shows(page, "Live: all stores.", ["EUR", "1", "2", "€9.00"]);
    await service.stop();
    await shows(page, "Reconnecting.", ["EUR", "1", "2", "€9.00"]);
    await service.start();
    await service.api.orders.place.mutate(anInput());
    await shows(page, "Live: all stores.", ["EUR", "2", "4", "€18.00"]);
  }));
