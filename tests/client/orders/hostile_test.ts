/**
 * The client's promise, as a property, here and as a browser would run it: against a server that refuses, sheds, hangs, loses answers after
 * COMMIT and is replaced by another one, each promise settles, an order that the client calls placed is
 * stored once, one that it calls refused is not stored, and none is stored twice.
 *
 * `WEIR_TEST_SEED` repeats a run.
 */
import { assertEquals } from "@std/assert";
import { PlaceError, prepareOrder, type RefusalReason } from "../../../client/mod.ts";
import { place } from "../../../client/orders/place.ts";
import { placeMany } from "../../../client/orders/place_many.ts";
import type { Treatment } from "../../support/client/hostile_door.ts";
import { anInput } from "../../support/load/orders.ts";
import { Random } from "../../support/load/random.ts";
import { withPlacing } from "./stage.ts";

const SEED = Number(Deno.env.get("WEIR_TEST_SEED") ?? 20_261_128);
const ROUNDS = 12;
const ORDERS = 60;

const { idempotencyKey: _, ...ORDER } = anInput();

/** The share of requests that pass changes from round to round: from a bad day to a hopeless one. */
function treatments(random: Random, passing: number): () => Treatment {
  const hard: Treatment[] = [
    "lost_before",
    "lost_after",
    "lost_after",
    "half",
    "hang",
    "page",
    { reason: "queue_full", retryAfterMs: 100 },
    { reason: "rate_limited", retryAfterMs: 400 },
    { reason: "circuit_open", retryAfterMs: 200 },
    { reason: "draining", retryAfterMs: 100 },
    { reason: "deadline_exceeded" },
    { reason: "outcome_unknown" },
    { reason: "internal" },
    { reason: "a_reason_of_tomorrow" as RefusalReason, retryAfterMs: 50 },
  ];
  return () => random.chance(passing) ? "pass" : random.pick(hard);
}

/** The end of one order, as the client tells it. */
type Told = "placed" | "refused" | "unknown";

for (const agent of [navigator.userAgent, "Mozilla/5.0"]) {
  const test = `each order is stored once or not at all, as the client of ${
    agent.slice(0, 4)
  } says`;
  Deno.test(test, () => hold(agent));
}

function hold(agent: string): Promise<void> {
  const random = new Random(SEED);
  return withPlacing(
    async ({ door, placing, database: { sql } }) => {
      for (let round = 0; round < ROUNDS; round++) {
        door.treat = treatments(random, random.pick([0.7, 0.5, 0.25, 0.05]));
        const deadlineMs = random.pick([3_000, 20_000, 60_000]);
        const told = new Map<string, Told>();
        const single = async () => {
          const { orderId, order } = prepareOrder(ORDER);
          // A second caller has the same order, such as a buyer who presses the button twice.
          const callers = random.chance(0.2) ? 2 : 1;
          const ends = await Promise.all(
            Array.from({ length: callers }, () =>
              place(placing, order, { deadlineMs }).then(
                (placed): Told => placed.orderId === orderId ? "placed" : "refused",
                (error): Told => {
                  if (!(error instanceof PlaceError)) throw error;
                  return error.mayBeStored ? "unknown" : "refused";
                },
              )),
          );
          // A refusal speaks of its own caller's tries: the other caller may have placed the order.
          const worst = ends.includes("placed")
            ? "placed"
            : ends.includes("unknown")
            ? "unknown"
            : "refused";
          told.set(orderId, worst);
        };
        const many = async () => {
          for (const fate of await placeMany(placing, Array(10).fill(ORDER), { deadlineMs })) {
            const placed = fate.state === "committed" || fate.state === "spilled";
            told.set(
              fate.orderId,
              placed ? "placed" : fate.state === "unknown" ? "unknown" : "refused",
            );
          }
        };
        await Promise.all([...Array.from({ length: ORDERS }, single), many(), many()]);
        // An order that was on its way when its caller gave up may be committed a moment later.
        const ids = [...told.keys()];
        const rows = await sql<{ order_id: string; n: number }[]>`
        select order_id, count(*)::int as n from orders where order_id = any (${ids}::uuid[]) group by 1`;
        const stored = new Map(rows.map(({ order_id, n }) => [order_id, n]));
        const wrong = [...told].filter(([orderId, end]) => {
          const count = stored.get(orderId) ?? 0;
          return count > 1 || (end === "placed" && count !== 1) ||
            (end === "refused" && count !== 0);
        });
        assertEquals(wrong, [], `round ${round}, WEIR_TEST_SEED=${SEED}`);
        assertEquals(told.size, ORDERS + 20);
      }
    },
    { random: random.next, userAgent: agent },
  );
}
