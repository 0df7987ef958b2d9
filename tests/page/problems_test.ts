/** The problems of the instance on the page: each with its cause and its begin, until its end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { until } from "../support/services/services.ts";
import { openPage } from "./chromium.ts";
import { inBrowser, order, placeAll } from "./scene.ts";

Deno.test("drift stands on the page with its bucket and its begin, and goes when it is mended", () =>
  inBrowser(async (browser, service) => {
    const { api, database: { sql } } = service;
    await placeAll(service, [order("shop", "EUR", [["tea", 2, 450]])]);
    await until("a fold", async () => (await sql`select from journal`).length === 0);
    const { page, shows, text, errors } = await openPage(browser, service.link());
    await shows("worries", "all is well");
    await sql`update rollup_days set orders = orders + 1 where scope = 'shop'`;
    await api.ops.audit.mutate({ buckets: 50 });
    const drift = page.getByTestId("problem-drift");
    await drift.waitFor();
    const shown = await text("problem-drift");
    assertMatch(shown, /^Figures are not what their orders add up to/);
    assertMatch(shown, /since [\d:]{8} UTC \(\d+ s\)/);
    assertMatch(shown, /shop at \d{4}-\d\d-\d\d.*run the task rebuild.*drifted buckets: 2/);
    assertMatch(await text("worries"), /Figures are not what their orders add up to/);
    await sql`update rollup_days set orders = orders - 1 where scope = 'shop'`;
    await api.ops.audit.mutate({ buckets: 1 });
    await drift.waitFor({ state: "detached" });
    await shows("worries", "all is well");
    assert(!await page.getByText("Problems", { exact: true }).isVisible());
    assertEquals(errors, []);
  }));
