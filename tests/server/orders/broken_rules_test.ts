/** Orders that an operator's own rules refuse. They fail alone, and the log names the rule. */
import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { errorDataOf } from "../../../client/mod.ts";
import { anInput } from "../../support/load/orders.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { orderOf } from "../../support/faults/poison.ts";
import type { TestSql } from "../../support/services/database.ts";
import { withInstance } from "../../support/services/instance.ts";
import { withLogLines } from "../../support/doubles/log_lines.ts";
import { withProxy } from "../../support/services/proxied_instance.ts";
import { until } from "../../support/services/services.ts";

/** Makes a trigger that runs `body` for each new order whose customer is `blocked-ada`. */
async function refuseAda(sql: TestSql, body: string): Promise<void> {
  await sql.unsafe(`
    create function refuse_ada() returns trigger language plpgsql as $$
    begin if new.customer_ref = 'blocked-ada' then ${body} end if; return new; end $$;
    create trigger refusing before insert on orders for each row execute function refuse_ada()`)
    .simple();
}

const ada = () => anInput({ customerRef: "blocked-ada" });

/** Ways of a trigger to refuse an order, each with the code and the words of its rule. */
const REFUSALS: readonly [body: string, code: string, words: string][] = [
  ["raise exception 'no orders of %', new.customer_ref;", "P0001", "no orders of …"],
  ["raise 'blocked' using errcode = 'SHOP1', constraint = 'blocked_ones';", "SHOP1", "blocked"],
  ["perform 1 / 0;", "22012", "division by zero"],
  ["return null;", "not_stored", "the database neither stored the order nor refused it"],
];

for (const [body, code, words] of REFUSALS) {
  Deno.test(`an order that a trigger refuses by "${body}" is rejected alone, and the circuit stays closed`, () =>
    withLogLines((lines) =>
      withInstance(async ({ api, database: { sql } }) => {
        await refuseAda(sql, body);
        const orders = Array.from(
          { length: 40 },
          (_, index) => index % 8 === 3 ? ada() : anInput(),
        );
        const { results } = await api.orders.placeMany.mutate({ orders });
        for (const [index, result] of results.entries()) {
          assertEquals(result.ok, index % 8 !== 3);
          if (result.ok) continue;
          const { error } = result;
          assertEquals([error.reason, error.rule?.code], ["rejected", code]);
          assert(error.rule?.message.startsWith(words), error.rule?.message);
          assert(error.message.includes(words), error.message);
          const line = lines.filter((line) => line.includes(error.deadLetterId!));
          assertEquals(line.length, 1);
          const { storeId, orderId } = orderOf(orders[index]!);
          assertMatch(line[0]!, new RegExp(`^warning: order ${orderId} of store ${storeId} `));
          assert(line[0]!.includes(words) && line[0]!.includes(code), line[0]);
        }
        assertEquals((await api.ops.status.query()).writer.circuit, "closed");
        // Sent again, the order has the same letter, and the log has no second line.
        const before = lines.length;
        const again = await api.orders.place.mutate(orders[3]!).then(() => null, errorDataOf);
        assertEquals(again?.rule?.code, code);
        assertEquals(lines.length, before);
        assertFalse(lines.some((line) => line.includes("blocked-ada")), lines.join("\n"));

        await sql`drop trigger refusing on orders`;
        const many = await api.ops.deadLetters.replayMany.mutate({ limit: 500 });
        assertEquals(many.results.map(({ outcome }) => outcome), Array(5).fill("committed"));
        await expectExact(sql);
      })
    ));
}

Deno.test("a spilled order that a trigger refuses leaves the overflow alone, with one line and its letter", () =>
  withLogLines((lines) =>
    withProxy(async ({ api, database: { sql } }, proxy) => {
      await refuseAda(sql, "raise exception 'no orders of %', new.customer_ref;");
      proxy.cut();
      const first = anInput();
      await until("an order to be spilled", async () => {
        const answer = await api.orders.place.mutate(first).catch(() => null);
        return answer?.status === "spilled" ? answer : null;
      });
      const orders = [anInput(), ada(), anInput(), ada(), anInput()];
      const { results } = await api.orders.placeMany.mutate({ orders });
      assert(results.every((result) => result.ok && result.status === "spilled"));
      await proxy.mend();
      const letters = await until("the overflow to be empty", async () => {
        const { spill } = await api.ops.status.query();
        const page = await api.ops.deadLetters.list.query({}).catch(() => null);
        return spill.orders === 0 && page?.letters.length === 2 ? page.letters : null;
      });
      assertEquals((await sql`select from orders`).length, 4);
      await until("the status to name the rule", async () => {
        const { deadLetters: { open, latestRule } } = await api.ops.status.query();
        return open === 2 && latestRule === "no orders of … (P0001, raised by refuse_ada)";
      });
      for (const { id } of letters) await api.ops.deadLetters.discard.mutate({ id, reason: "a" });
      await until("the status to name no rule", async () => {
        const { deadLetters: { open, latestRule } } = await api.ops.status.query();
        return open === 0 && latestRule === null;
      });
      for (const { id, rule, placedAt } of letters) {
        assertEquals([rule?.code, rule?.message], ["P0001", "no orders of …"]);
        assert(placedAt !== null);
        assertEquals(lines.filter((line) => line.includes(id)).length, 1);
      }
    }, { WEIR_SPILL: "auto" })
  ));
