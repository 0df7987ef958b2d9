/** Replaying many dead letters, in earnest and as a dry run. */
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { KEY, withInstance } from "../../support/services/instance.ts";
import { anInput, anOrder } from "../../support/load/orders.ts";
import {
  A_RULE,
  aPoison,
  keysStored,
  orderOf,
  parked,
  refusePoison,
  rejected,
  takePoison,
} from "../../support/faults/poison.ts";
import { type Call, expectRefused } from "../../support/load/refusals.ts";

const OTHER_CURRENCY = {
  code: "idempotency_mismatch",
  table: null,
  column: null,
  constraint: null,
  function: null,
  message: "the order that is stored under this key has other currency",
};

Deno.test("a dry run tells the outcome of each letter and writes nothing", () =>
  withInstance(async (instance) => {
    const { api, database: { sql } } = instance;
    const placed = anInput();
    await api.orders.place.mutate(placed);
    await refusePoison(sql);
    const poison = await rejected(api, aPoison());
    const key = { idempotencyKey: "two-of-one" };
    const first = await parked(sql, anOrder(key));
    const second = await parked(sql, anOrder({ ...key, currency: "USD" }));
    const there = await parked(sql, orderOf(placed));
    const other = orderOf({ ...placed, currency: "USD" });
    const conflict = await parked(sql, other, "conflict");
    await api.ops.aggregate.mutate();
    const everything = () =>
      Promise.all([
        sql`select * from orders order by order_id`,
        sql`select * from dead_letters order by letter_id`,
      ]);
    const before = await everything();
    const report = await api.ops.deadLetters.replayMany.mutate({ limit: 500, dryRun: true });
    assertEquals(report, {
      results: [
        { id: poison, outcome: "failing", reason: "rejected", rule: A_RULE },
        { id: first, outcome: "committed" },
        { id: second, outcome: "closed" },
        { id: there, outcome: "duplicate" },
        { id: conflict, outcome: "failing", reason: "idempotency_mismatch", rule: OTHER_CURRENCY },
      ],
      stoppedBy: null,
    });
    assertEquals(await everything(), before);
    assertEquals((await sql`select from journal`).length, 0);

    const done = await api.ops.deadLetters.replayMany.mutate({ limit: 500 });
    assertEquals(done, report);
    assertEquals((await keysStored(sql)).length, 2);
  }));

Deno.test("replayMany tries every letter, no faster than it may, and two at once each letter once", () =>
  withInstance(async (instance) => {
    const { url, api, database: { sql } } = instance;
    await refusePoison(sql);
    const poisons = Array.from(
      { length: 60 },
      (_, index) => aPoison({ storeId: index % 3 === 0 ? "store-2" : "store-1" }),
    );
    await api.orders.placeMany.mutate({ orders: poisons });
    const failing = await api.ops.deadLetters.replayMany.mutate({ limit: 5 });
    assertEquals(failing.results.map(({ reason }) => reason), Array(5).fill("rejected"));
    await takePoison(sql);

    const ofStore = await api.ops.deadLetters.replayMany.mutate({ storeId: "store-2", limit: 500 });
    assertEquals(ofStore.results.map(({ outcome }) => outcome), Array(20).fill("committed"));
    const begunAt = performance.now();
    const { results } = await api.ops.deadLetters.replayMany.mutate({ limit: 20 });
    assertGreaterOrEqual(performance.now() - begunAt, 19 * 10 - 1);
    // Letters that failed last come last, so that a run of few letters reaches other letters too.
    const tried = new Set(failing.results.map(({ id }) => id));
    assert(results.every(({ id, outcome }) => outcome === "committed" && !tried.has(id)));

    const both = await Promise.all([
      api.ops.deadLetters.replayMany.mutate({ limit: 500 }),
      api.ops.deadLetters.replayMany.mutate({ limit: 500 }),
    ]);
    const outcomes = both.flatMap((run) => run.results.map(({ outcome }) => outcome));
    assert(outcomes.every((outcome) => outcome !== "failing"));
    assertEquals(new Set(await keysStored(sql)).size, 60);
    assertEquals((await api.ops.deadLetters.list.query({})).letters, []);
    for (const input of [{}, { limit: 501 }, { limit: 0 }, { limit: 1, dry: true }]) {
      const path = "ops.deadLetters.replayMany";
      await expectRefused(url, { type: "mutation", path, input, token: KEY }, "invalid_input");
    }
  }));

Deno.test("a stored order answers as before, even when the database would refuse it now", () =>
  withInstance(async (instance) => {
    const { url, api, database: { sql } } = instance;
    const poison = aPoison();
    const first = await api.orders.place.mutate(poison);
    await sql`
      alter table orders add constraint no_poison check (customer_ref <> 'poison') not valid`;
    assertEquals(await api.orders.place.mutate(poison), { ...first, replayed: true });
    const other = { ...poison, currency: "USD" };
    const call: Call = { type: "mutation", path: "orders.place", input: other, token: KEY };
    await expectRefused(url, call, "idempotency_mismatch");
    assertEquals((await sql`select from dead_letters`).length, 0);

    const id = await parked(sql, orderOf(poison));
    const dry = await api.ops.deadLetters.replayMany.mutate({ limit: 1, dryRun: true });
    assertEquals(dry.results, [{ id, outcome: "duplicate" }]);
    assertEquals((await api.ops.deadLetters.replayMany.mutate({ limit: 1 })).results, dry.results);
  }));

Deno.test("a letter that is no valid order any more does not hold up the others", () =>
  withInstance(async ({ api, database: { sql } }) => {
    const broken = await parked(sql, anOrder());
    await sql`update dead_letters set payload = payload - 'currency'`;
    const good = await parked(sql, anOrder());
    const replayed = [];
    for (let run = 0; run < 2; run++) {
      const { results } = await api.ops.deadLetters.replayMany.mutate({ limit: 1 });
      replayed.push(...results);
    }
    const rule = {
      ...OTHER_CURRENCY,
      code: "invalid_input",
      message: "the letter's payload is not its order: payload.currency: " +
        "missing, must be text",
    };
    assertEquals(replayed, [
      { id: broken, outcome: "failing", reason: "invalid_input", rule },
      { id: good, outcome: "committed" },
    ]);
    const letter = await api.ops.deadLetters.get.query({ id: broken });
    assertEquals([letter.code, letter.failures, letter.rule], ["invalid_input", 2, rule]);
  }));
