/**
 * The page on screens of all sizes, light and dark, by keyboard and for screen readers. The rules
 * of axe-core judge labels, roles and contrast.
 */
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { openPage } from "./chromium.ts";
import { beyond, failing, misfits } from "./measures.ts";
import { inBrowser, placeAll, placeInAllCurrencies, SCREENS, trillions } from "./scene.ts";

Deno.test("every screen shows the page without scrolling sideways, without figures and with many", () =>
  inBrowser(async (browser, service) => {
    for (const state of ["no orders", "one", "thirty"]) {
      if (state === "one") await placeAll(service, [trillions("EUR")]);
      if (state === "thirty") await placeInAllCurrencies(service);
      const found: Record<string, readonly string[]> = {};
      for (const path of [service.link(), service.link("&wall"), service.url]) {
        const { page } = await openPage(browser, path);
        await page.locator('[data-testid="live"], .sign-in').waitFor();
        for (const [screen, viewport] of Object.entries(SCREENS)) {
          await page.setViewportSize(viewport);
          await drawn(page);
          const { x } = await beyond(page);
          found[`${screen} ${path}`] = [...await misfits(page), ...x > 0 ? [`${x} px wide`] : []];
        }
        await page.close();
      }
      assertEquals(failing(found), [], state);
    }
  }));

Deno.test("the page is usable by ear and by eye, light and dark", () =>
  inBrowser(async (browser, service) => {
    await placeInAllCurrencies(service);
    for (const colorScheme of ["light", "dark"] as const) {
      for (const fragment of ["", "&wall"]) {
        const { page, shows } = await openPage(browser, service.link(fragment), { colorScheme });
        await shows("today-orders", ["30", "29", "28"]);
        assertEquals(await violations(page), [], `${colorScheme} ${fragment}`);
        await page.close();
      }
      const signIn = await openPage(browser, service.url, { colorScheme });
      assertEquals(await violations(signIn.page), [], colorScheme);
    }
  }));

Deno.test("nothing moves for a reader who wants no movement", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [trillions("EUR")]);
    const { page, shows } = await openPage(browser, service.link(), { reducedMotion: "reduce" });
    await shows("today-orders", "1");
    await placeAll(service, [trillions("EUR")]);
    await shows("today-orders", "2");
    assertEquals(await page.evaluate(() => document.getAnimations().length), 0);
  }));

Deno.test("the keyboard reaches every control in the order of the page", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [trillions("EUR"), trillions("USD")]);
    const { page, shows } = await openPage(browser, service.link());
    await shows("today-orders", ["1", "1"]);
    const reached: string[] = [];
    for (let press = 0; press < 6; press++) {
      await page.keyboard.press("Tab");
      reached.push(
        await page.evaluate(() => {
          const { id, tagName, textContent } = document.activeElement ?? document.body;
          return id || `${tagName} ${textContent?.trim().slice(0, 15)}`;
        }),
      );
    }
    assertEquals(reached, [
      "store",
      "BUTTON Show",
      "A Wall",
      "BUTTON Forget key",
      "tab-EUR",
      "SUMMARY Operators' part",
    ]);
  }));

/** Waits until the page has been drawn twice: once in its new size, and once with what followed. */
function drawn(page: Page): Promise<void> {
  return page.evaluate(() =>
    new Promise<void>((resolve) =>
      requestAnimationFrame(() => requestAnimationFrame(() => resolve()))
    )
  );
}

/** The rules of axe-core that the page breaks, each with the first element at fault. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(await axe());
  return await page.evaluate(async () => {
    interface Axe {
      run(): Promise<{
        violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
      }>;
    }
    const { axe } = globalThis as unknown as { axe: Axe };
    const { violations } = await axe.run();
    return violations.map(({ id, nodes: [first] }) =>
      `${id}: ${first?.html} ${first?.failureSummary}`
    );
  });
}

/** The source of axe-core, which runs in the page. */
function axe(): Promise<string> {
  return Deno.readTextFile(new URL(import.meta.resolve("axe-core")));
}
