/** Operating the dead letters while the database is away, or goes away in the middle. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Answer, PlaceOrder } from "../../../client/contract/order.ts";
import { Refused } from "../../../client/contract/refused.ts";
import { type Refusal, refuse } from "../../../client/contract/refusal.ts";
import { DeadLetters } from "../../../server/orders/dead_letters.ts";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { Pool } from "../../../sql/connection/pool.ts";
import { toNewOrder } from "../../../sql/orders/new_order.ts";
import { type TestDatabase, withDatabase } from "../../support/services/database.ts";
import { KEY, withInstance } from "../../support/services/instance.ts";
import { parked } from "../../support/faults/poison.ts";
import { anOrder } from "../../support/load/orders.ts";
import { type Call, expectRefusedOverHttp } from "../../support/load/refusals.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

interface Operating {
  readonly database: TestDatabase;
  readonly proxy: WireProxy;
  /** Dead letters. They reach the database through the proxy, and place orders with `place`. */
  operating(place: (order: PlaceOrder) => Promise<Answer>): DeadLetters;
}

function withLetters(test: (operating: Operating) => Promise<void>): Promise<void> {
  return withDatabase(async (database) => {
    const proxy = WireProxy.to(database.url);
    const pool = new Pool({
      url: proxy.through(database.url),
      name: "letters",
      maxConnections: 1,
      statementTimeoutMs: 2_000,
    });
    try {
      await test({
        database,
        proxy,
        operating: (place) => new DeadLetters({ pool, place, replaysPerSecond: 1_000 }),
      });
    } finally {
      await pool.end();
      await proxy.close();
    }
  });
}

function acknowledged(order: PlaceOrder, status: "committed" | "spilled"): Answer {
  const { orderId, totalMinor, currency } = toNewOrder(order);
  const placedAt = new Date(0).toISOString();
  return {
    ok: true,
    acknowledgement: { orderId, status, replayed: false, totalMinor, currency, placedAt },
  };
}

async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  return (await assertRejects(() => call, Refused)).refusal;
}

Deno.test("while the database is away every call is unavailable and no letter changes", () => {
  let proxy: WireProxy | undefined;
  return withInstance(async ({ url, instance, database: { sql } }) => {
    const id = await parked(sql, anOrder());
    const before = await sql`select * from dead_letters`;
    const calls = [
      ["query", "list", {}],
      ["query", "get", { id }],
      ["mutation", "replay", { id }],
      ["mutation", "replayMany", { limit: 1 }],
      ["mutation", "replayMany", { limit: 1, dryRun: true }],
      ["mutation", "discard", { id, reason: "why not" }],
    ] as const;
    proxy?.cut();
    for (const [type, path, input] of calls) {
      const call: Call = { type, path: `ops.deadLetters.${path}`, input, token: KEY };
      await expectRefusedOverHttp(url, call, "unavailable");
    }
    await proxy?.mend();
    await instance.ready();
    await until("LISTEN", async () =>
      (await sql`
        select from pg_stat_activity where datname = current_database()
          and application_name = 'weir listen' and query ilike 'listen%' and state = 'idle'`)
        .length > 0);
    assertEquals([...await sql`select * from dead_letters`], [...before]);
    assertEquals((await sql`select from orders`).length, 0);
  }, {
    environment: { WEIR_STATEMENT_TIMEOUT_MS: "1000", WEIR_SPILL: "off" },
    redis: false,
    reach: (databaseUrl) => (proxy ??= WireProxy.to(databaseUrl)).through(databaseUrl),
  }).finally(() => proxy?.close());
});

Deno.test("a replay that is only spilled leaves its letter open, and its commit settles it", () =>
  withLetters(async ({ database: { sql }, operating }) => {
    const order = anOrder();
    const id = await parked(sql, order);
    const letters = operating((placed) => Promise.resolve(acknowledged(placed, "spilled")));
    const replay = await letters.replay(await letters.get(id), "me", null);
    assertEquals([replay.order.status, replay.letter.state], ["spilled", "open"]);
    const many = { storeId: null, limit: 10, dryRun: false, by: "me" };
    assertEquals((await letters.replayMany(many)).results, [{ id, outcome: "spilled" }]);
    await commitBatch(sql, [order]);
    assertEquals((await letters.get(id)).state, "settled");
  }));

Deno.test("a database that goes away after the commit leaves the letter settled, and no answer is false", () =>
  withLetters(async ({ database: { sql }, proxy, operating }) => {
    const order = anOrder();
    const id = await parked(sql, order);
    const letters = operating(async (placed) => {
      await commitBatch(sql, [toNewOrder(placed)]);
      proxy.cut();
      return acknowledged(placed, "committed");
    });
    const refusal = await refusalOf(letters.replay(await letters.get(id), "me", null));
    assertEquals(refusal.reason, "outcome_unknown");
    await proxy.mend();
    assertEquals((await letters.get(id)).state, "settled");
  }));

Deno.test("replayMany stops at a failure that every further letter would meet, and reports its work", () =>
  withLetters(async ({ database: { sql }, operating }) => {
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) {
      ids.push(await parked(sql, anOrder()));
    }
    const full = refuse("queue_full", "too many orders are waiting", 40);
    let placed = 0;
    const letters = operating(async (order) => {
      if (++placed > 1) return { ok: false, refusal: full };
      await commitBatch(sql, [toNewOrder(order)]);
      return acknowledged(order, "committed");
    });
    const many = { storeId: null, limit: 10, dryRun: false, by: "me" };
    assertEquals(await letters.replayMany(many), {
      results: [{ id: ids[0]!, outcome: "committed" }],
      stoppedBy: full,
    });
    assertEquals(await refusalOf(letters.replayMany(many)), full);
    assertEquals(placed, 3);
    const open = await sql`select from dead_letters where state = 'open'`;
    assertEquals(open.length, 2);
  }));

Deno.test("replayMany ends with its caller", () =>
  withLetters(async ({ database: { sql }, operating }) => {
    for (let count = 0; count < 3; count++) {
      await parked(sql, anOrder());
    }
    const caller = new AbortController();
    const letters = operating((order) => {
      caller.abort();
      return Promise.resolve(acknowledged(order, "spilled"));
    });
    const { results } = await letters.replayMany({
      storeId: null,
      limit: 10,
      dryRun: false,
      by: "me",
      signal: caller.signal,
    });
    assertEquals(results.map(({ outcome }) => outcome), ["spilled"]);
  }));

Deno.test("a replay that a discard has overtaken is told so, and that its order is stored", () =>
  withLetters(async ({ database: { sql }, operating }) => {
    const id = await parked(sql, anOrder());
    const letters = operating(async (order) => {
      await letters.discard(letter, "another", "not wanted");
      await commitBatch(sql, [toNewOrder(order)]);
      return acknowledged(order, "committed");
    });
    const letter = await letters.get(id);
    const refusal = await refusalOf(letters.replay(letter, "me", null));
    assertEquals(refusal.reason, "letter_closed");
    assertMatch(
      refusal.message,
      /closed: discarded by another at \S+Z \(not wanted\); its order is stored$/,
    );
    assertEquals((await letters.get(id)).state, "discarded");
  }));
