/** The page that explains REST, in a real browser: it is read and tried with nothing from outside. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { startPathProxy } from "../../support/faults/path_proxy.ts";
import { OPERATIONS } from "../../../server/front/rest/operations.ts";
import { openPage, type WatchedPage, withBrowser } from "../chromium.ts";
import { KEY, withService } from "../service.ts";

/** Opens an operation and its form. */
async function tryOut(page: Page, operationId: string) {
  const block = page.locator(`[id$="-${operationId}"].opblock`);
  await block.locator(".opblock-summary-control").first().click();
  await block.locator(".try-out__btn").click();
  return block;
}

async function authorize(page: Page): Promise<void> {
  await page.locator(".btn.authorize").first().click();
  await page.locator('.auth-container input[type="text"], .auth-container input').first().fill(KEY);
  await page.locator(".auth-btn-wrapper .authorize").click();
  await page.locator(".auth-btn-wrapper .btn-done").click();
}

function assertAlone({ errors, hosts }: WatchedPage, url: string): void {
  assertEquals(errors, []);
  assertEquals([...hosts], [new URL(url).host]);
}

Deno.test("the page of REST below a proxy's path shows every operation, and places an order", () =>
  withService((service) =>
    withBrowser(async (browser) => {
      const proxy = await startPathProxy(service.url, "/shops/weir");
      const watched = await openPage(browser, `${proxy.url}api/v1/docs/`);
      const { page } = watched;
      await page.locator(".opblock").first().waitFor();
      assertEquals(page.url(), `${proxy.url}api/v1/docs`);
      assertEquals(await page.locator(".opblock").count(), OPERATIONS.length);
      await authorize(page);
      const block = await tryOut(page, "placeOrder");
      await block.locator('input[placeholder="storeId"]').fill("berlin");
      await block.locator('input[placeholder="Idempotency-Key"]').fill('"cart-1"');
      await block.locator(".execute").click();
      const answer = block.locator(".live-responses-table tbody .response-col_description").first();
      await answer.waitFor();
      assertMatch(await answer.innerText(), /"status": "committed"/);
      assertMatch(
        await block.locator(".request-url").innerText(),
        /\/shops\/weir\/api\/v1\/stores\/berlin\/orders$/,
      );
      const { orders } = await service.api.orders.list.query({ storeId: "berlin" });
      assertEquals(orders.map(({ idempotencyKey }) => idempotencyKey), ["cart-1"]);
      assertAlone(watched, proxy.url);
      await proxy.close();
    })
  ));

Deno.test("the page of REST shows the first seconds of a stream", () =>
  withService((service) =>
    withBrowser(async (browser) => {
      const watched = await openPage(browser, `${service.url}/api/v1/docs`);
      const { page } = watched;
      await page.locator(".opblock").first().waitFor();
      await authorize(page);
      const block = await tryOut(page, "watchFigures");
      await block.locator(".execute").click();
      const answer = block.locator(".live-responses-table tbody .response-col_description").first();
      await answer.waitFor();
      assertMatch(await answer.innerText(), /data: \{"scope":"\*"/);
      assertAlone(watched, service.url);
    })
  ));

Deno.test("the page of problems opens at the reason that a problem names", () =>
  withService((service) =>
    withBrowser(async (browser) => {
      const problem = await (await fetch(`${service.url}/api/v1/whoami`)).json() as {
        type: string;
      };
      const watched = await openPage(browser, `${service.url}${problem.type}`);
      const { page } = watched;
      assertMatch(await page.locator(":target").innerText(), /^unauthenticated \(401\)/);
      await page.getByRole("link", { name: "All operations" }).click();
      await page.locator(".opblock").first().waitFor();
      assert(page.url().endsWith("/api/v1/docs"));
      assertAlone(watched, service.url);
    })
  ));
