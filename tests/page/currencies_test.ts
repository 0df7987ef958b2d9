/** Many currencies: the busiest stand first and large, and the rest in a table. */
import { assert, assertEquals } from "@std/assert";
import { openPage } from "./chromium.ts";
import { beyond, failing, lost, misfits } from "./measures.ts";
import { CODES, inBrowser, order, placeAll, placeInAllCurrencies, SCREENS } from "./scene.ts";

/** The busiest first: the last of `CODES` has the most orders. */
const RANKED = CODES.toReversed();

Deno.test("thirty currencies: the three busiest are large, and the rest is a table in their order", () =>
  inBrowser(async (browser, service) => {
    await placeInAllCurrencies(service);
    const found: Record<string, readonly string[]> = {};
    for (const [screen, viewport] of Object.entries(SCREENS)) {
      const isWall = /wall/i.test(screen);
      const { page, shows, errors } = await openPage(browser, service.link(isWall ? "&wall" : ""), {
        viewport,
      });
      await shows("today-orders", ["30", "29", "28"]);
      const rows = page.getByTestId("rest-currency");
      const codesOf = (all: Element[]) =>
        all.map((one) => (one as HTMLElement).dataset["currency"] ?? "");
      assertEquals(await page.locator(".today").evaluateAll(codesOf), RANKED.slice(0, 3), screen);
      assertEquals(await rows.evaluateAll(codesOf), RANKED.slice(3), screen);
      assertEquals((await rows.last().allTextContents())[0], "AED1AED\u00a09.00");
      const { x, y } = await beyond(page);
      assertEquals([x, isWall ? y : 0], [0, 0], `${screen}: beyond the screen`);
      found[screen] = [...await misfits(page), ...isWall ? await lost(page) : []];
      assertEquals(errors, []);
      await page.close();
    }
    assertEquals(failing(found), []);
  }));

Deno.test("more than a row of tabs becomes a list, from which a currency is chosen by keyboard", () =>
  inBrowser(async (browser, service) => {
    await placeInAllCurrencies(service);
    const { page, shows } = await openPage(browser, service.link());
    await shows("last-hour-orders", "30 orders");
    const choice = page.getByLabel("Currency", { exact: true });
    assertEquals(await choice.locator("option").allTextContents(), CODES);
    await choice.focus();
    await page.keyboard.type("AED");
    await shows("last-hour-orders", "1 order");
    await shows(
      "no-minutes",
      "So many currencies are in use that the minutes of this one are not sent.",
    );
    await shows("no-products", "The products are not sent either.");
    await choice.selectOption(RANKED[1]!);
    await shows("last-hour-orders", "29 orders");
    await page.getByTestId("minute").waitFor();
    assertEquals(await page.getByTestId("no-products").count(), 0);
  }));

Deno.test("a currency that overtakes stays in its place within the minute, and a new one is seen", () =>
  inBrowser(async (browser, service) => {
    await untilEarlyInMinute();
    const some = (currency: string, count: number) =>
      Array.from({ length: count }, () => order("shop", currency, [["tea", 1, 450]]));
    await placeAll(service, [...some("EUR", 3), ...some("JPY", 2), ...some("USD", 1)]);
    const { shows } = await openPage(browser, service.link());
    await shows("today-orders", ["3", "2", "1"]);
    await placeAll(service, [...some("USD", 9), ...some("CHF", 5)]);
    await shows("today-orders", ["3", "2", "10", "5"]);
    const again = await openPage(browser, service.link());
    await again.shows("today-orders", ["10", "5", "3", "2"]);
  }));

Deno.test("a wall shows as many currencies as fit, and counts the others", () =>
  inBrowser(async (browser, service) => {
    await placeInAllCurrencies(service);
    const more = ["ARS", "BGN", "COP", "EGP", "GHS", "ILS", "KES", "MAD"];
    await placeAll(service, more.map((currency) => order("shop", currency, [["tea", 1, 450]])));
    const { page, shows } = await openPage(browser, service.link("&wall"), {
      viewport: SCREENS.wall,
    });
    await shows("more-currencies", "and 7 more, with 7 orders");
    assertEquals(await page.getByTestId("rest-currency").count(), 28);
    assertEquals([await beyond(page), await lost(page)], [{ x: 0, y: 0 }, []]);
    const laptop = await openPage(browser, service.link());
    await laptop.shows("today-orders", ["30", "29", "28"]);
    assert(await laptop.page.getByTestId("rest-currency").count() === 35);
  }));

/** Waits until the minute has 20 s left, so that it does not turn in the middle of a test. */
async function untilEarlyInMinute(): Promise<void> {
  const left = 60_000 - Date.now() % 60_000;
  if (left < 20_000) await new Promise((resolve) => setTimeout(resolve, left));
}
