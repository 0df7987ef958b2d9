/** The ticker of examples/, against a real instance. */
import { assertEquals, assertMatch } from "@std/assert";
import { startTicker } from "../../examples/ticker.ts";
import { holdTables } from "../support/faults/held_tables.ts";
import { WireProxy } from "../support/faults/wire_proxy.ts";
import { awayFromMidnight } from "../support/load/midnight.ts";
import { anInput } from "../support/load/orders.ts";
import { createTestClient, KEY, withInstance } from "../support/services/instance.ts";
import { until } from "../support/services/services.ts";

/** Runs `test` with a ticker, and stops it whatever happens. */
async function withTicker(
  { url, token = KEY, storeId }: { url: string; token?: string; storeId?: string },
  test: (ticker: { lines: string[]; says(line: string | RegExp): Promise<unknown> }) => unknown,
): Promise<void> {
  await awayFromMidnight();
  const weir = createTestClient(url, token);
  const lines: string[] = [];
  const stop = startTicker({
    weir,
    ...(storeId === undefined ? {} : { storeId }),
    show: (line) => lines.push(line),
    onRefused: (message) => lines.push(`refused: ${message}`),
  });
  const says = (wanted: string | RegExp) =>
    until(`the ticker to say ${wanted}`, () => {
      const line = lines.at(-1) ?? "";
      return typeof wanted === "string" ? line === wanted : wanted.test(line);
    });
  try {
    await test({ lines, says });
  } finally {
    stop();
    await weir.close();
  }
}

Deno.test("ticker: orders and revenue appear by currency as orders are committed", () =>
  withInstance(({ url, api }) =>
    withTicker({ url }, async ({ lines, says }) => {
      await says("live all stores: no orders today");
      await api.orders.place.mutate(anInput());
      await says("live all stores: EUR 1 orders 9.00");
      await api.orders.place.mutate(anInput({ currency: "JPY", storeId: "kiosk" }));
      await says("live all stores: EUR 1 orders 9.00 | JPY 1 orders 900");
      assertEquals(lines[0], "connecting");
      assertEquals(new Set(lines).size, lines.length, "a line was shown twice");
    })
  ));

Deno.test("ticker: one store alone, and a key that may not see it", () =>
  withInstance(async ({ url, api, createKey }) => {
    await api.orders.place.mutate(anInput({ storeId: "kiosk" }));
    await api.orders.place.mutate(anInput({ storeId: "shop" }));
    await withTicker(
      { url, storeId: "kiosk" },
      ({ says }) => says("live kiosk: EUR 1 orders 9.00"),
    );
    const { token } = await createKey(["dashboard:read"], "shop");
    await withTicker(
      { url, token, storeId: "kiosk" },
      ({ says }) => says("refused: this key is for another store"),
    );
  }));

Deno.test("ticker: it says that Weir is away, and that Weir's database is", () =>
  withInstance(async ({ url, api, database }) => {
    await api.orders.place.mutate(anInput());
    const network = WireProxy.to(url);
    try {
      await withTicker({ url: network.through(url) }, async ({ lines, says }) => {
        await says("live all stores: EUR 1 orders 9.00");
        network.cut();
        await says(/^reconnecting \(as of \d\d:\d\d:\d\d UTC\) all stores: EUR 1 orders 9\.00$/);
        await api.orders.place.mutate(anInput());
        await network.mend();
        await says("live all stores: EUR 2 orders 18.00");
        const held = await holdTables(database, ["epochs", "scope_versions"]);
        await says(/^stale \(as of \d\d:\d\d:\d\d UTC\) all stores: EUR 2 orders 18\.00$/);
        await held.release();
        await says("live all stores: EUR 2 orders 18.00");
        assertMatch(lines.join("\n"), /^connecting\nlive/);
      });
    } finally {
      await network.close();
    }
  }, { environment: { WEIR_STATEMENT_TIMEOUT_MS: "500" } }));
