/**
 * Keys that are for some stores, or that allow only a part of the page. The page asks for nothing
 * that its key may not have, and says in words what is missing.
 */
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { openPage } from "./chromium.ts";
import { inBrowser, keyFor, order } from "./scene.ts";

/** The number of red parts that the page shows. */
const reds = (page: Page) => page.locator('[data-tone="bad"]:visible').count();

Deno.test("a key for one store opens that store's figures, and names it", () =>
  inBrowser(async (browser, service) => {
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 2, 450]]));
    await service.api.orders.place.mutate(order("kiosk", "EUR", [["jug", 1, 1_999]]));
    const key = await keyFor(service, ["dashboard:read"], "shop");
    const { page, shows, errors } = await openPage(browser, `${service.url}/#token=${key}`);
    await shows("today-revenue", "€9.00");
    await shows("scope", "shop");
    await shows("fixed-store", "shop");
    await shows("live", "Live: orders show here as they are committed.");
    assertEquals(await page.getByTestId("store").count(), 0, "there is a store to choose");
    assertEquals(await page.locator(".operators").count(), 0, "there is an operators' part");
    assertEquals([await reds(page), await page.getByTestId("problem").count()], [0, 0]);
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 1, 450]]));
    await shows("today-revenue", "€13.50");
    assertEquals(errors, []);
  }));

Deno.test("a link to another store shows the key's own store", () =>
  inBrowser(async (browser, service) => {
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 2, 450]]));
    const key = await keyFor(service, ["dashboard:read", "ops"], "shop");
    const link = `${service.url}/#token=${key}&store=kiosk`;
    const { page, shows } = await openPage(browser, link);
    await shows("today-revenue", "€9.00");
    await shows("fixed-store", "shop");
    await shows("circuit", "closed");
    assertEquals(page.url(), `${service.url}/#store=shop`);
    assertEquals(await reds(page), 0);
  }));

Deno.test("a key for several stores shows one of them, and gives the choice among them", () =>
  inBrowser(async (browser, service) => {
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 2, 450]]));
    await service.api.orders.place.mutate(order("kiosk", "EUR", [["jug", 1, 1_999]]));
    const key = await keyFor(service, ["dashboard:read"], ["shop", "kiosk"]);
    const { page, shows, errors } = await openPage(browser, `${service.url}/#token=${key}`);
    await shows("today-revenue", "€9.00");
    await shows("scope", "shop");
    const choice = page.getByTestId("store");
    assertEquals(await choice.locator("option").allTextContents(), ["shop", "kiosk"]);
    await choice.selectOption("kiosk");
    await shows("today-revenue", "€19.99");
    await shows("scope", "kiosk");
    assertEquals(page.url(), `${service.url}/#store=kiosk`);
    assertEquals(await choice.inputValue(), "kiosk");
    assertEquals(errors, []);
  }));

Deno.test("a key that may not read figures is told what it may do and what is missing", () =>
  inBrowser(async (browser, service) => {
    const till = await keyFor(service, ["orders:write", "orders:read"], "shop");
    const operator = await keyFor(service, ["ops"], null);
    const shown = (sentence: string) => sentence.replaceAll(/[\u2068\u2069]/g, "");
    const missing = "Figures need a key with the scope dashboard:read.";

    const first = await openPage(browser, `${service.url}/#token=${till}`);
    await first.shows("connection", "connected");
    assertEquals(
      shown(await first.text("problem")),
      `The key “page test” may place and cancel orders and read orders. ${missing}`,
    );
    assertEquals(await first.page.locator(".operators, .todays").count(), 0);
    const second = await openPage(browser, `${service.url}/#token=${operator}`);
    await second.shows("circuit", "closed");
    assertEquals(
      shown(await second.text("problem")),
      `The key “page test” may see and steer the actors. ${missing}`,
    );
    assertEquals([...first.errors, ...second.errors], []);
  }));

Deno.test("a page whose question about the key gets no answer asks again", () =>
  inBrowser(async (browser, service) => {
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 2, 450]]));
    const key = await keyFor(service, ["dashboard:read"], "shop");
    const context = await browser.newContext({ locale: "en-US" });
    let lost = 0;
    await context.route("**/trpc/whoami**", async (route) => {
      if (++lost > 1) return await route.continue();
      await route.abort();
    });
    const { shows } = await openPage(browser, `${service.url}/#token=${key}`, { context });
    await shows(
      "problem",
      "The server's answer was lost on its way (Failed to fetch). Trying again…",
    );
    await shows("today-revenue", "€9.00");
    await context.close();
  }));

Deno.test("a page that meets an older server does without whoami", () =>
  inBrowser(async (browser, service) => {
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 2, 450]]));
    const context = await browser.newContext({ locale: "en-US" });
    // The real answer of a server that has no such procedure.
    await context.route(
      "**/trpc/whoami**",
      (route) => route.continue({ url: route.request().url().replace("whoami", "nobody") }),
    );
    const { shows } = await openPage(browser, service.link(), { context });
    await shows("today-revenue", "€9.00");
    await shows("circuit", "closed");
    await context.close();
  }));

Deno.test("a text that cannot be a key is refused in a sentence", () =>
  inBrowser(async (browser, service) => {
    const { page, shows, errors } = await openPage(browser, service.url);
    await page.getByLabel("API key").fill("мой ключ");
    await page.getByRole("button", { name: "Show the dashboard" }).click();
    await shows("sign-in-error", "This is not an API key: it has letters that no key has.");
    assertEquals(errors, []);
  }));

Deno.test("a link with a wrong key says so, and forgets no good key of a page or a wall", () =>
  inBrowser(async (browser, service) => {
    await service.api.orders.place.mutate(order("shop", "EUR", [["tea", 2, 450]]));
    const context = await browser.newContext({ locale: "en-US" });
    const wrong = `${service.url}/#token=wrong`;
    const said = "This API key is wrong, or it has been revoked. " +
      "This page goes on with the key that it had before. Close";

    const first = await openPage(browser, service.link(), { context });
    await first.shows("today-revenue", "€9.00");
    await first.page.goto(wrong);
    await first.shows("refused-key", said);
    await first.shows("today-revenue", "€9.00");
    await first.page.getByRole("button", { name: "Close" }).click();
    await first.shows("refused-key", []);
    await first.page.goto(wrong);
    await first.shows("refused-key", said);
    await first.page.reload();
    await first.shows("today-revenue", "€9.00");
    await first.shows("refused-key", []);

    const wall = await openPage(browser, service.link("&wall"), { context });
    await wall.shows("today-revenue", "€9.00");
    const other = await openPage(browser, wrong, { context });
    await other.shows("sign-in-error", "This API key is wrong, or it has been revoked.");
    const again = await openPage(browser, `${wrong}&wall`, { context });
    await again.shows("today-revenue", "€9.00");
    const later = await openPage(browser, `${service.url}/#wall`, { context });
    await later.shows("today-revenue", "€9.00");
    await context.close();
  }));
