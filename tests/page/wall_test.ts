/**
 * The page on a wall. Its figures are as large as the screen allows, and nothing is to scroll.
 * Nobody touches the page, so it comes back by itself whatever happened.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { openPage } from "./chromium.ts";
import { beyond, lettersOf, lost, misfits } from "./measures.ts";
import { inBrowser, keyFor, order, placeAll, SCREENS, trillions } from "./scene.ts";

const PAGE = new URL("../../client/dashboard/dist/index.html", import.meta.url);

/** An order of €9.00. */
const tea = () => order("shop", "EUR", [["tea", 2, 450]]);
const WALLS = {
  small: { width: 1_280, height: 720 },
  laptop: SCREENS.laptop,
  wall: SCREENS.wall,
  wide: { width: 3_440, height: 1_440 },
  large: SCREENS.largeWall,
  upright: SCREENS.uprightWall,
} as const;

Deno.test("a wall shows everything at once, and its figures grow with the screen", () =>
  inBrowser(async (browser, service) => {
    const products = Array.from({ length: 12 }, (_, index) => [`p-${index}`, 3, 999] as const);
    const rounds = [[order("shop", "EUR", products)], [
      order("shop", "JPY", products),
      order("shop", "USD", products),
      trillions("KWD"),
    ]];
    for (const orders of rounds) {
      await placeAll(service, orders);
      const letters: Partial<Record<string, number>> = {};
      for (const [name, viewport] of Object.entries(WALLS)) {
        const { page, shows, errors } = await openPage(browser, service.link("&wall"), {
          viewport,
        });
        await shows("today-revenue", "€359.64", '[data-currency="EUR"]');
        await page.locator("canvas").waitFor();
        assertEquals(
          [await beyond(page), await misfits(page), await lost(page), errors],
          [{ x: 0, y: 0 }, [], [], []],
          name,
        );
        assert(await page.getByTestId("worries").isVisible());
        assert(!await page.getByTestId("circuit").isVisible(), "the operators' part is open");
        letters[name] = await lettersOf(page, "today-orders");
        await page.close();
      }
      const { small = 0, wall = 0, large = 0 } = letters;
      assert(Math.abs(wall / small - 2) < 0.1, `${wall} and ${small} px`);
      assert(Math.abs(large / small - 3) < 0.1, `${large} and ${small} px`);
      assert(wall >= 40, `letters of ${wall} px are too small to read from a distance`);
    }
  }));

Deno.test("a wall of one currency fills the screen with its revenue", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [tea()]);
    const { page, shows } = await openPage(browser, service.link("&wall"), {
      viewport: SCREENS.wall,
    });
    await shows("today-revenue", "€9.00");
    const letters = await lettersOf(page, "today-revenue");
    assert(letters >= SCREENS.wall.height / 12, `${letters} px`);
  }));

Deno.test("a wall's key leaves the address bar, and is there after the browser was closed", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [tea(), order("kiosk", "EUR", [["jug", 1, 1_999]])]);
    const key = await keyFor(service, ["dashboard:read"], "shop");
    const context = await browser.newContext({ locale: "en-US" });
    const asked: string[] = [];
    context.on("request", (request) => asked.push(request.url()));
    const first = await openPage(browser, `${service.url}/#token=${key}&wall`, { context });
    await first.shows("today-revenue", "€9.00");
    await first.shows("wall-store", "shop");
    assertEquals(first.page.url(), `${service.url}/#wall`);
    await first.page.close();
    // A tab of its own has nothing of the tab before it but what the browser keeps.
    const second = await openPage(browser, `${service.url}/#wall`, { context });
    await second.shows("today-revenue", "€9.00");
    const laptop = await openPage(browser, `${service.url}/`, { context });
    await laptop.page.getByLabel("API key").waitFor();
    assertEquals(asked.filter((url) => url.includes(key)), [], "the key is in a URL");
    await context.close();
  }));

Deno.test("a wall says since when its figures are old, and comes back by itself", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [tea()]);
    const { page, shows, text } = await openPage(browser, service.link("&wall"), {
      viewport: SCREENS.wall,
    });
    await shows("today-revenue", "€9.00");
    const colour = () =>
      page.getByTestId("today-revenue").evaluate((element) => getComputedStyle(element).color);
    const live = await colour();
    await page.evaluate("window.sameDocument = true");
    await service.stop();
    await shows("connection", "reconnecting…");
    assertMatch(
      await text("reconnecting"),
      /^The connection .* has been lost for \d+ s, since [\d:]{8} UTC; reconnecting… Figures as of /,
    );
    assert(await lettersOf(page, "reconnecting") >= 40, "the sentence is too small");
    assert(await colour() !== live, "old figures look like live ones");
    assertEquals([await beyond(page), await lost(page)], [{ x: 0, y: 0 }, []]);
    await service.start();
    await shows("live", "Live: orders show here as they are committed.");
    await placeAll(service, [tea()]);
    await shows("today-revenue", "€18.00");
    assertEquals(await colour(), live);
    assertEquals(await page.evaluate("window.sameDocument"), true, "there was no need to reload");
  }));

Deno.test("figures that outlive their day are not called today's", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [tea()]);
    const { page, shows, text } = await openPage(browser, service.link("&wall"), {
      prepare: (page) => page.clock.install(),
    });
    await shows("today-revenue", "€9.00");
    await shows("day", "Today");
    const day = new Date().toISOString().slice(0, 10);
    await service.stop();
    await shows("connection", "reconnecting…");
    await page.clock.fastForward("24:00:00");
    await shows("day", day);
    assertMatch(await text("reconnecting"), new RegExp(`since ${day} .*as of ${day} `));
    await service.start();
    await shows("connection", "connected");
    await shows("day", "Today");
  }));

Deno.test("a wall that outlives a deploy loads the new page once", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [tea()]);
    const { page, shows } = await openPage(browser, service.link("&wall"));
    await shows("today-revenue", "€9.00");
    const reloads = countReloads(page);
    for (const version of ["0123456789ab", "ba9876543210"]) {
      await withVersion(version, async () => {
        await service.stop();
        await shows("connection", "reconnecting…");
        const looked = page.waitForResponse(`${service.url}/`);
        await service.start();
        await looked;
        await page.waitForFunction(() => document.readyState === "complete");
        await shows("connection", "connected");
        await shows("today-revenue", "€9.00");
      });
    }
    assertEquals(reloads(), 1, "versions that change for ever must not reload it for ever");
    assertEquals(page.url(), `${service.url}/#wall`);
  }));

Deno.test("a page in use offers the new version, and does not reload by itself", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [tea()]);
    const { page, shows } = await openPage(browser, service.link());
    await shows("today-revenue", "€9.00");
    const reloads = countReloads(page);
    await withVersion("0123456789ab", async () => {
      await service.stop();
      await shows("connection", "reconnecting…");
      await service.start();
      await shows("outdated", "Load the new version");
      assertEquals(reloads(), 0);
      await page.getByTestId("outdated").click();
      await page.waitForFunction(() => document.querySelector('[src*="0123456789ab"]') !== null);
      await shows("today-revenue", "€9.00");
      assertEquals([reloads(), await page.getByTestId("outdated").count()], [1, 0]);
    });
  }));

Deno.test("a laptop that slept says how old its figures are, and is live with the next frame", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [tea()]);
    const { page, shows, text } = await openPage(browser, service.link(), {
      prepare: (page) => page.clock.install(),
    });
    await shows("today-revenue", "€9.00");
    await page.clock.fastForward("08:00:00");
    await page.clock.resume();
    await page.getByTestId("silent").waitFor();
    assertMatch(
      await text("silent"),
      /^Nothing has come from the server for 8 h 00 min – figures as of .*UTC\.$/,
    );
    await placeAll(service, [tea()]);
    await shows("today-revenue", "€18.00");
    await shows("live", "Live: orders show here as they are committed.");
  }));

Deno.test("a page that fails in itself says so, and starts again", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [tea()]);
    let isBroken = true;
    const { page, shows } = await openPage(browser, service.link("&wall"), {
      prepare: async (page) => {
        await page.clock.install();
        await page.routeWebSocket(/trpc/, (socket) => {
          const server = socket.connectToServer();
          server.onMessage((message) =>
            socket.send(isBroken ? String(message).replace('"today"', '"someDay"') : message)
          );
        });
      },
    });
    await page.getByTestId("page-failure").waitFor();
    isBroken = false;
    await page.clock.fastForward("01:01");
    await shows("today-revenue", "€9.00");
  }));

/** Counts how often `page` is loaded from now on. */
function countReloads(page: Page): () => number {
  let reloads = 0;
  page.on("load", () => reloads++);
  return () => reloads;
}

/** Runs `test` while the server has a page of another version, as after a deploy. */
async function withVersion(version: string, test: () => Promise<void>): Promise<void> {
  const html = await Deno.readTextFile(PAGE);
  await Deno.writeTextFile(PAGE, html.replace(/app\.js\?v=[0-9a-f]+/, `app.js?v=${version}`));
  try {
    await test();
  } finally {
    await Deno.writeTextFile(PAGE, html);
  }
}
