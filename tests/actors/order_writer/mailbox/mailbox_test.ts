import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { Mailbox } from "../../../../actors/order_writer/mailbox/mailbox.ts";
import type { WaitingOrder } from "../../../../actors/order_writer/mailbox/waiting_order.ts";
import { bulkOf, MAX_BATCH_BULK } from "../../../../sql/orders/batch.ts";
import { refuse } from "../../../../client/contract/refusal.ts";
import { anOrder, manyLines } from "../../../support/load/orders.ts";
import type { Answer, PlaceInput } from "../../../../client/contract/order.ts";

const ANSWER: Answer = { ok: false, refusal: refuse("draining", "test") };

function aWaitingOrder(order = anOrder(), deadlineAt = 0) {
  const answers: Answer[] = [];
  const waitingOrder: WaitingOrder = {
    order,
    deadlineAt,
    answer: (answer) => answers.push(answer),
    maybeStored: false,
  };
  return { waitingOrder, answers };
}

Deno.test("the mailbox answers each order that it took in exactly once, whatever is done with it", () => {
  const action = fc.oneof(
    fc.record({
      do: fc.constant("offer" as const),
      store: fc.nat(2),
      key: fc.nat(2),
      content: fc.nat(1),
    }),
    fc.record({ do: fc.constant("take" as const), most: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant("putBack" as const), maybeStored: fc.boolean() }),
    fc.record({ do: fc.constant("settle" as const) }),
    fc.record({ do: fc.constant("expire" as const), before: fc.nat(30) }),
    fc.record({ do: fc.constant("giveUp" as const), before: fc.nat(30) }),
  );
  fc.assert(
    fc.property(fc.array(action, { minLength: 15, maxLength: 40 }), (actions) => {
      const mailbox = new Mailbox({ maxOrders: 8, maxBytes: 100_000 });
      const taken: WaitingOrder[] = [];
      const accepted: Answer[][] = [];
      let made = 0;
      for (const step of actions) {
        if (step.do === "offer") {
          const order = anOrder({
            storeId: `${step.store}`,
            idempotencyKey: `${step.key}`,
            customerRef: `${step.content}`,
          });
          const { waitingOrder, answers } = aWaitingOrder(order, made++);
          const leaves = (one: WaitingOrder) => {
            assertEquals(one.maybeStored, false, "an order that may be stored is not refused");
            return ANSWER;
          };
          if (mailbox.offer(waitingOrder, leaves)) accepted.push(answers);
        } else if (step.do === "take") {
          const entries = mailbox.take(step.most);
          assert(entries.length <= step.most);
          const ids = entries.map((entry) => entry.order.orderId);
          assertEquals(new Set(ids).size, ids.length, "one batch never holds a key twice");
          for (const entry of entries) {
            for (const waitingOrder of entry.waiting) {
              assertEquals(waitingOrder.order.contentHash, entry.order.contentHash);
              taken.push(waitingOrder);
            }
          }
        } else if (step.do === "putBack") {
          for (const waitingOrder of taken) waitingOrder.maybeStored ||= step.maybeStored;
          mailbox.putBack(taken.splice(0));
        } else if (step.do === "settle") {
          for (const waitingOrder of taken.splice(0)) mailbox.settle(waitingOrder, ANSWER);
        } else if (step.do === "giveUp") {
          mailbox.giveUp((waitingOrder) => waitingOrder.deadlineAt < step.before, ANSWER);
        } else {
          mailbox.dismiss((waitingOrder) => waitingOrder.deadlineAt < step.before, () => ANSWER);
        }
        const unanswered = accepted.filter((answers) => answers.length === 0).length;
        assertEquals(mailbox.orders + mailbox.taken, unanswered);
        assert(mailbox.orders + mailbox.taken <= 8);
        assertEquals(mailbox.bulk, mailbox.orders, "each order here has one line");
      }
      mailbox.dismissAll(() => ANSWER);
      assertEquals(accepted.map((answers) => answers.length), accepted.map(() => 1));
      assertEquals([mailbox.orders, mailbox.taken, mailbox.bytes], [0, 0, 0]);
    }),
    { numRuns: 300 },
  );
});

Deno.test("putBack() puts orders to the front, in their order", () => {
  const mailbox = new Mailbox({ maxOrders: 10, maxBytes: 100_000 });
  const waiting = Array.from({ length: 4 }, () => aWaitingOrder().waitingOrder);
  for (const waitingOrder of waiting.slice(0, 3)) mailbox.offer(waitingOrder, () => ANSWER);
  const taken = mailbox.take(2).flatMap((entry) => entry.waiting);
  mailbox.offer(waiting[3]!, () => ANSWER);
  mailbox.putBack(taken);
  const again = mailbox.take(10).map((entry) => entry.waiting[0]);
  assertEquals(again, waiting);
});

Deno.test("a batch has no more bulk than allowed, and the rest waits in its order", () => {
  const mailbox = new Mailbox({ maxOrders: 100, maxBytes: 100_000_000 });
  const full = Math.floor(MAX_BATCH_BULK / bulkOf(199));
  const waiting = Array.from(
    { length: 2 * full + 1 },
    () => aWaitingOrder(anOrder({ lines: manyLines(199) })),
  );
  for (const { waitingOrder } of waiting) assert(mailbox.offer(waitingOrder, () => ANSWER));
  const batches = [];
  while (mailbox.canTake()) batches.push(mailbox.take(1_000));
  assertEquals(batches.map((batch) => batch.length), [full, full, 1]);
  assertEquals(
    batches.flat().map(({ order }) => order.orderId),
    waiting.map(({ waitingOrder }) => waitingOrder.order.orderId),
  );
});

/** Offers an order of a store. @returns what became of it, and of orders that left for it */
function offered(mailbox: Mailbox, storeId: string, parts: Partial<PlaceInput> = {}) {
  const { waitingOrder } = aWaitingOrder(anOrder({ storeId, ...parts }));
  const left: WaitingOrder[] = [];
  const isIn = mailbox.offer(waitingOrder, (one) => {
    left.push(one);
    return ANSWER;
  });
  return { waitingOrder, isIn, left };
}

Deno.test("one store may fill the mailbox, and gives way to others until all have the same", () => {
  const mailbox = new Mailbox({ maxOrders: 9, maxBytes: 1 << 20 });
  const first = Array.from({ length: 9 }, () => offered(mailbox, "flood"));
  assertEquals(first.map(({ isIn }) => isIn), Array(9).fill(true));
  assertEquals(offered(mailbox, "flood").isIn, false);
  const a = Array.from({ length: 4 }, () => offered(mailbox, "a"));
  assertEquals(
    a.flatMap(({ left }) => left),
    first.slice(5).map(({ waitingOrder }) => waitingOrder).reverse(),
    "the newest of the longest backlog go, and no other",
  );
  const b = Array.from({ length: 4 }, () => offered(mailbox, "b"));
  assertEquals(b.map(({ isIn }) => isIn), [true, true, true, false]);
  assertEquals(["flood", "a", "b"].map((store) => mailbox.backlogs.ordersOf(store)), [3, 3, 3]);
  assertEquals(b.at(-1)?.left, [], "nobody leaves for an order that does not get in");
});

Deno.test("an order that may have been stored never leaves for another one", () => {
  const mailbox = new Mailbox({ maxOrders: 4, maxBytes: 1 << 20 });
  const flood = Array.from({ length: 4 }, () => offered(mailbox, "flood").waitingOrder);
  const taken = mailbox.take(3).flatMap(({ waiting }) => waiting);
  for (const waitingOrder of taken) waitingOrder.maybeStored = true;
  mailbox.putBack(taken);
  const one = offered(mailbox, "other");
  assertEquals([one.isIn, one.left], [true, [flood[3]]]);
  assertEquals(offered(mailbox, "third").isIn, false);
});

Deno.test("a mailbox full of bytes lets go of the store with the most bytes, and of as many orders as it takes", () => {
  const mailbox = new Mailbox({ maxOrders: 1_000, maxBytes: 50_000 });
  const metadata = { note: "x".repeat(400) };
  while (offered(mailbox, "large", { lines: manyLines(30) }).isIn);
  while (offered(mailbox, "small", { metadata }).isIn);
  const large = mailbox.backlogs.ordersOf("large");
  const { isIn, left } = offered(mailbox, "other", { lines: manyLines(50) });
  assertEquals([isIn, left.length, new Set(left.map(({ order }) => order.storeId))], [
    true,
    2,
    new Set(["large"]),
  ]);
  assertEquals(mailbox.backlogs.ordersOf("large"), large - 2);
  assert(mailbox.bytes <= 50_000);
});
