/**
 * Figures and texts of any size on any screen: each stays whole, on one line, and in its place.
 * `measures.ts` decides this from the page as it is drawn.
 */
import { assert, assertEquals } from "@std/assert";
import { openPage } from "./chromium.ts";
import { beyond, failing, lettersOf, misfits } from "./measures.ts";
import { inBrowser, keyFor, order, placeAll, SCREENS, trillions } from "./scene.ts";

const EXACT = "€4,000,000,009,798.25";

/** The largest orders: as many of them as `count` pass what a JavaScript number can hold. */
const huge = (currency: string, count: number) =>
  Array.from(
    { length: count },
    () => order("shop", currency, [["gem", 9_000, 10 ** 12], ["sand", 1_000_000, 0]]),
  );

Deno.test("a revenue of trillions stays on one line, from a phone to a wall", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [trillions("EUR"), ...huge("JPY", 100), ...huge("KWD", 100)]);
    const found: Record<string, readonly string[]> = {};
    for (const [screen, viewport] of Object.entries(SCREENS)) {
      const isWall = /wall/i.test(screen);
      const { page, shows } = await openPage(browser, service.link(isWall ? "&wall" : ""), {
        viewport,
      });
      await shows("today-revenue", EXACT, '[data-currency="EUR"]');
      await shows("today-units", "100,900,000", '[data-currency="JPY"]');
      found[screen] = await misfits(page);
      assertEquals((await beyond(page)).x, 0, `${screen}: the page is wider than the screen`);
      await page.close();
    }
    assertEquals(failing(found), []);
  }));

Deno.test("a figure grows back when its place does", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [trillions("EUR")]);
    const { page, shows } = await openPage(browser, service.link(), { viewport: SCREENS.laptop });
    await shows("today-revenue", EXACT);
    const large = await lettersOf(page, "today-revenue");
    await page.setViewportSize(SCREENS.small);
    await page.waitForFunction(
      (before) =>
        parseFloat(
          getComputedStyle(document.querySelector('[data-testid="today-revenue"]')!).fontSize,
        ) < before,
      large,
    );
    assertEquals(await misfits(page), []);
    await page.setViewportSize(SCREENS.laptop);
    await page.waitForFunction(
      (before) =>
        parseFloat(
          getComputedStyle(document.querySelector('[data-testid="today-revenue"]')!).fontSize,
        ) === before,
      large,
    );
  }));

Deno.test("a figure that had no room for a while is of the right size afterwards", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [trillions("EUR")]);
    const { page, shows } = await openPage(browser, service.link(), { viewport: SCREENS.phone });
    await shows("today-revenue", EXACT);
    const size = await lettersOf(page, "today-revenue");
    const setWidth = (value: string) =>
      page.locator(".todays").evaluate((cards: HTMLElement, value) => {
        cards.style.width = value;
      }, value);
    await setWidth("0");
    await placeAll(service, [trillions("EUR")]);
    await shows("today-revenue", "€8,000,000,019,596.50");
    await setWidth("");
    await page.waitForFunction(
      (before) =>
        parseFloat(
          getComputedStyle(document.querySelector('[data-testid="today-revenue"]')!).fontSize,
        ) === before,
      size,
    );
    assertEquals(await misfits(page), []);
  }));

Deno.test("a figure too small to read has a short form above it, and stays exact", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, huge("KWD", 200));
    const { page, shows } = await openPage(browser, service.link(), { viewport: SCREENS.small });
    await shows("today-revenue", "KWD\u00a01,800,000,000,000,000.000");
    const short = page.locator(".today .main .fit-short");
    assertEquals(await short.textContent(), "≈ KWD\u00a01800T");
    assert(await lettersOf(page, "today-revenue") < 18);
    assert(await short.evaluate((line) => parseFloat(getComputedStyle(line).fontSize)) > 30);
    assertEquals(await misfits(page), []);
    const wide = await openPage(browser, service.link(), { viewport: SCREENS.laptop });
    await wide.shows("today-revenue", "KWD\u00a01,800,000,000,000,000.000");
    assertEquals(await wide.page.locator(".today .fit-short").count(), 0, "there is room for it");
  }));

Deno.test("letters of twice the size change nothing but the breaks", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [trillions("EUR"), ...huge("KWD", 100)]);
    for (const viewport of [SCREENS.laptop, SCREENS.phone]) {
      const { page, shows } = await openPage(browser, service.link(), { viewport });
      await page.addStyleTag({ content: "html { font-size: 200% }" });
      await shows("today-revenue", EXACT, '[data-currency="EUR"]');
      await page.waitForFunction(() =>
        [...document.querySelectorAll(".fit")].every((place) =>
          place.scrollWidth <= place.clientWidth
        )
      );
      assertEquals(await misfits(page), []);
      assertEquals((await beyond(page)).x, 0, `at ${viewport.width} px`);
    }
  }));

Deno.test("figures of other languages stay in their place", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [trillions("EUR"), ...huge("KWD", 100)]);
    for (const locale of ["de-CH", "fr-FR", "hi-IN", "ar-EG", "fa-IR"]) {
      const { page, shows, errors } = await openPage(browser, service.link(), {
        viewport: SCREENS.phone,
        locale,
      });
      await shows("connection", "connected");
      await page.getByTestId("today-revenue").first().waitFor();
      assertEquals([await misfits(page), errors], [[], []], locale);
    }
  }));

/** SKUs that are hard to show, and the text that the page shows for each. */
const SKUS: readonly (readonly [sku: string, shown: string])[] = [
  ["x".repeat(64), "x".repeat(64)],
  ["قهوة 12-34", "قهوة 12-34"],
  ["a\u202eb", "a\u202eb"],
  ["tea ", "tea "],
  ["tea  green", "tea  green"],
  ["   ", "no letters: U+0020 U+0020 U+0020"],
  ["\u200b\u2060", "no letters: U+200B U+2060"],
  ["z̸̢̛̛̗͓̠̖͛͌͂̕͝͝a̵l̶g̷o̸", "z̸̢̛̛̗͓̠̖͛͌͂̕͝͝a̵l̶g̷o̸"],
  ["<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"],
  ["👩‍👩‍👧‍👦🏳️‍🌈", "👩‍👩‍👧‍👦🏳️‍🌈"],
];

Deno.test("a SKU of any text is shown as it is, beside figures that it does not move", () =>
  inBrowser(async (browser, service) => {
    const orders = SKUS.map(([sku], index) => order("shop", "EUR", [[sku, 1, 10_000 - index]]));
    await placeAll(service, orders);
    for (const [screen, viewport] of Object.entries(SCREENS)) {
      const isWall = /wall/i.test(screen);
      const { page, shows, errors } = await openPage(browser, service.link(isWall ? "&wall" : ""), {
        viewport,
      });
      await shows("today-orders", String(SKUS.length));
      const rows = page.getByTestId("top-products").locator("tr");
      assertEquals(await rows.locator("th").allTextContents(), SKUS.map(([, shown]) => shown));
      assertEquals(await rows.first().locator("td").allTextContents(), ["1", "€100.00"]);
      assertEquals([await misfits(page), (await beyond(page)).x, errors], [[], 0, []], screen);
      await page.close();
    }
  }));

Deno.test("the names of stores and keys of any length leave the page as wide as the screen", () =>
  inBrowser(async (browser, service) => {
    const store = "s".repeat(64);
    await placeAll(service, [order(store, "EUR", [["tea", 1, 450]])]);
    const key = await keyFor(service, ["dashboard:read"], store);
    for (const [screen, viewport] of Object.entries(SCREENS)) {
      const isWall = /wall/i.test(screen);
      const link = `${service.url}/#token=${key}${isWall ? "&wall" : ""}`;
      const { page, shows } = await openPage(browser, link, { viewport });
      await shows("today-orders", "1");
      await shows(isWall ? "wall-store" : "fixed-store", store);
      assertEquals((await beyond(page)).x, 0, screen);
      await page.close();
    }
  }));

Deno.test("a day of cancelled orders alone shows them, and no product", () =>
  inBrowser(async (browser, service) => {
    const [orderId = ""] = await placeAll(service, [trillions("EUR")]);
    await service.api.orders.cancel.mutate({ storeId: "shop", orderId });
    for (const viewport of [SCREENS.small, SCREENS.laptop]) {
      const { page, shows } = await openPage(browser, service.link(), { viewport });
      await shows("today-orders", "0");
      await shows("today-revenue", "€0.00");
      await shows("today-cancelled", `1 ${EXACT}`);
      await shows("last-hour-orders", "0 orders");
      await shows("no-products", "No product has been sold today.");
      assertEquals(await misfits(page), []);
    }
  }));

Deno.test("one order is one order, and one unit one unit", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [order("shop", "EUR", [["tea", 1, 450]])]);
    const { page, shows, text } = await openPage(browser, service.link());
    await shows("last-hour-orders", "1 order");
    await shows("queue", "0 orders, 0 B");
    const minute = await text("minute");
    assert(/(1 order)(1 unit)|(0 orders)(0 units)/.test(minute), minute);
    assertEquals(await page.getByText(/\b1 (orders|units)\b/).count(), 0);
  }));
