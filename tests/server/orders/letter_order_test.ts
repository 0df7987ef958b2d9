/** Letters whose payload a newer version wrote, or somebody changed by hand. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { keysStored, orderOf, parked } from "../../support/faults/poison.ts";
import { anInput } from "../../support/load/orders.ts";
import { type Call, expectRefused } from "../../support/load/refusals.ts";
import { KEY, withInstance } from "../../support/services/instance.ts";

const replay = (id: string, payload?: unknown): Call => ({
  type: "mutation",
  path: "ops.deadLetters.replay",
  input: payload === undefined ? { id } : { id, payload },
  token: KEY,
});

/** Payloads that are no order of this version, each with the path of its first issue. */
const NO_ORDERS: readonly [payload: string, path: string][] = [
  ["{}", "payload.storeId"],
  ["null", "payload"],
  ['"gone"', "payload"],
  ["[]", "payload"],
];

Deno.test("a letter whose payload is no order is refused with its issues, and placed when it is corrected", () =>
  withInstance(async ({ url, api, database: { sql } }) => {
    for (const [payload, path] of NO_ORDERS) {
      const input = anInput();
      const id = await parked(sql, orderOf(input));
      await sql`update dead_letters set payload = ${payload}::text::jsonb where letter_id = ${id}`;
      const { issues } = await expectRefused(url, replay(id), "invalid_input");
      assertEquals([payload, issues?.[0]?.path], [payload, path]);
      const told = await api.ops.deadLetters.replay.mutate({ id }).then(() => "", String);
      assertMatch(
        told,
        /the letter's payload is not its order: .* Replay the letter with a corrected/,
      );
      const letter = await api.ops.deadLetters.get.query({ id });
      assertEquals([letter.state, letter.code, letter.failures], ["open", "invalid_input", 4]);
      assertMatch(letter.rule?.message ?? "", /^the letter's payload is not its order: payload/);

      const wrong = { ...input, idempotencyKey: "another" };
      const other = await expectRefused(url, replay(id, wrong), "invalid_input");
      assertEquals(other.issues, [{
        path: "payload.idempotencyKey",
        message: "must stay the key of the letter's order",
      }]);
      const { order } = await api.ops.deadLetters.replay.mutate({ id, payload: input });
      assertEquals([order.orderId, order.status], [letter.orderId, "committed"]);
    }
    assertEquals((await keysStored(sql)).length, NO_ORDERS.length);
  }));

Deno.test("a letter whose payload is another order by now places nothing, one by one or many at once", () =>
  withInstance(async ({ url, api, database: { sql } }) => {
    const [input, elsewhere] = [anInput(), anInput()];
    const id = await parked(sql, orderOf(input));
    const moved = await parked(sql, orderOf(elsewhere));
    await sql`update dead_letters set payload = payload || '{"idempotencyKey": "other"}'
              where letter_id = ${id}`;
    await sql`update dead_letters set payload = payload || '{"storeId": "store-2"}'
              where letter_id = ${moved}`;
    const { issues } = await expectRefused(url, replay(id), "invalid_input");
    assertEquals(issues?.map(({ path }) => path), ["payload.idempotencyKey"]);
    const ofStore = await expectRefused(url, replay(moved), "invalid_input");
    assertEquals(ofStore.issues, [{ path: "payload.storeId", message: "must stay store-1" }]);
    for (const dryRun of [true, false]) {
      const { results } = await api.ops.deadLetters.replayMany.mutate({ limit: 10, dryRun });
      assertEquals(
        results.map(({ outcome, reason }) => [outcome, reason]),
        Array(2).fill(["failing", "invalid_input"]),
      );
    }
    const failures = await sql<{ failures: string }[]>`select failures from dead_letters`;
    assertEquals(failures.map((row) => row.failures), ["4", "4"]);
    assertEquals(await keysStored(sql), []);
    const done = await api.ops.deadLetters.replay.mutate({ id, payload: input });
    assertEquals(done.letter.state, "replayed");
    assert((await keysStored(sql)).includes(input.idempotencyKey));
  }));

Deno.test("a letter with a field of a newer version says which field this version does not know", () =>
  withInstance(async ({ api, database: { sql } }) => {
    const id = await parked(sql, orderOf(anInput()));
    await sql`update dead_letters set payload = payload || '{"giftWrap": true}'`;
    const { results } = await api.ops.deadLetters.replayMany.mutate({ limit: 10 });
    assertEquals(results.map(({ outcome }) => outcome), ["failing"]);
    assertMatch(results[0]?.rule?.message ?? "", /giftWrap/);
    assertEquals((await api.ops.deadLetters.get.query({ id })).state, "open");
  }));
