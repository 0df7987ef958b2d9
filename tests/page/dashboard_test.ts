/**
 * The page in a real browser, against a real instance: the texts and figures that a person sees.
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { openPage } from "./chromium.ts";
import { startForwarder } from "./forwarder.ts";
import { inBrowser, order } from "./scene.ts";
import { KEY } from "./service.ts";

Deno.test("the figures appear, and change to the digit without a reload as orders are committed", () =>
  inBrowser(async (browser, service) => {
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 2, 450]]));
    const { page, shows, text, errors, hosts } = await openPage(browser, service.link());
    await shows("connection", "connected");
    await shows("live", "Live: orders show here as they are committed.");
    await shows("scope", "all stores");
    await shows("today-orders", "1");
    await shows("today-units", "2");
    await shows("today-revenue", "€9.00");
    await shows("top-products", "tea2€9.00");
    await shows("circuit", "closed");
    await shows("intake", "accepting");
    await shows("bus", "redis");
    await shows("subscribers", "1");
    assertEquals(page.url(), `${service.url}/`, "the key stays out of the address bar");
    assert(await drawnPixels(page) > 0, "the chart is empty");

    const before = { version: Number(await text("version")), chart: await chartOf(page) };
    await page.evaluate("window.sameDocument = true");
    // No JavaScript number can hold the sum of these two orders in a second currency.
    const big = Array.from({ length: 9 }, (_, i) => [`gem-${i}`, 1_000, 10 ** 12] as const);
    await service.api.orders.place.mutate(order("shop", "JPY", [...big, ["pin", 1, 1]]));
    await service.api.orders.place.mutate(order("kiosk", "JPY", [...big, ["pin", 2, 1]]));
    await service.api.orders.place.mutate(
      order("kiosk", "EUR", [["tea", 1, 450], ["jug", 3, 1_999]]),
    );

    await shows("today-orders", ["2", "2"]);
    await shows("today-units", "6", '[data-currency="EUR"]');
    await shows("today-revenue", "€73.47", '[data-currency="EUR"]');
    await shows("today-units", "18,003", '[data-currency="JPY"]');
    await shows("today-revenue", "¥18,000,000,000,000,003", '[data-currency="JPY"]');
    await shows("top-products", "jug3€59.97tea3€13.50");
    await shows("last-hour-orders", "2 orders");
    await shows("last-hour-revenue", "€73.47");
    assert(Number(await text("version")) > before.version);
    assertNotEquals(await chartOf(page), before.chart, "the chart was not drawn again");

    await page.getByRole("tab", { name: "EUR" }).press("ArrowRight");
    await shows("last-hour-revenue", "¥18,000,000,000,000,003");
    assertEquals(await page.evaluate("window.sameDocument"), true);
    assertEquals([...hosts], [new URL(service.url).host]);
    assertEquals(errors, []);
  }));

Deno.test("a wrong key is answered with a sentence, and a right one opens the dashboard", () =>
  inBrowser(async (browser, service) => {
    const { page, shows, errors } = await openPage(browser, `${service.url}/#token=wrong`);
    await shows("sign-in-error", "This API key is wrong, or it has been revoked.");
    await page.getByLabel("API key").fill(KEY);
    await page.getByRole("button", { name: "Show the dashboard" }).click();
    await shows("connection", "connected");
    await shows(
      "no-orders",
      "No orders today, so far. The first one shows here as soon as it is committed.",
    );
    await page.reload();
    await shows("connection", "connected");
    await page.getByRole("button", { name: "Forget key" }).click();
    await shows("sign-in-error", "");
    assertEquals(errors.filter((error) => !error.includes("401 (Unauthorized)")), []);
  }));

Deno.test("the page shows the figures of one store alone", () =>
  inBrowser(async (browser, service) => {
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 2, 450]]));
    await service.api.orders.place.mutate(order("kiosk", "EUR", [["jug", 1, 1_999]]));
    const { page, shows, errors } = await openPage(browser, service.link("&store=kiosk"));
    await shows("scope", "kiosk");
    await shows("today-revenue", "€19.99");
    assertEquals(page.url(), `${service.url}/#store=kiosk`);
    await page.getByLabel("Store").fill("shop");
    await page.getByLabel("Store").press("Enter");
    await shows("scope", "shop");
    await shows("today-revenue", "€9.00");
    await page.getByLabel("Store").fill("");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await shows("scope", "all stores");
    await shows("today-revenue", "€28.99");
    await shows("subscribers", "1");
    assertEquals(errors, []);
  }));

Deno.test("a server that stops leaves the last figures, and makes them live again when it is back", () =>
  inBrowser(async (browser, service) => {
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 2, 450]]));
    const { page, shows, text } = await openPage(browser, service.link());
    await shows("today-revenue", "€9.00");
    await service.stop();
    await shows("connection", "reconnecting…");
    assertMatch(
      await text("reconnecting"),
      /^The connection to the server has been lost for \d+ s, since [\d:]{8} UTC; reconnecting… Figures as of [\d:]{8} UTC\.$/,
    );
    await shows("today-revenue", "€9.00");
    await shows("circuit", "closed");
    await service.start();
    await shows("connection", "connected");
    await shows("live", "Live: orders show here as they are committed.");
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 1, 450]]));
    await shows("today-revenue", "€13.50");
    await shows("today-orders", "2");
    assertEquals(await page.title(), "Weir");
  }));

Deno.test("the page says that the database is silent, and says that it is back", async () => {
  const forwarder = startForwarder();
  await inBrowser(async (browser, service) => {
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 2, 450]]));
    const { page, shows, text, errors } = await openPage(browser, service.link());
    await shows("today-revenue", "€9.00");
    const colour = () =>
      page.getByTestId("today-revenue").evaluate((element) => getComputedStyle(element).color);
    const live = await colour();
    const asOf = await text("as-of");
    forwarder.cut();
    await shows(
      "announcement",
      `The database gives no new figures; figures as of ${asOf}.`,
    );
    assert(
      /^The database has given no new figures for \d+ s – figures/.test(
        await text("stale"),
      ),
    );
    await shows("today-revenue", "€9.00");
    await shows("connection", "connected");
    assertNotEquals(await colour(), live, "old figures look like live ones");
    forwarder.mend();
    await shows("announcement", "The figures are live.");
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 1, 450]]));
    await shows("today-revenue", "€13.50");
    assertEquals(await colour(), live);
    assertEquals(errors, []);
  }, forwarder.through);
  await forwarder.close();
});

function chartOf(page: Page): Promise<string> {
  return page.locator("canvas").evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
}

/** The number of clearly blue pixels of the chart. Nothing but the bars is blue. */
function drawnPixels(page: Page): Promise<number> {
  return page.locator("canvas").evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      if ((data[at + 2] ?? 0) - (data[at] ?? 0) > 60) count++;
    }
    return count;
  });
}
