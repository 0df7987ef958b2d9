import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { Mailbox, type WaitingOrder } from "../../../actors/order_writer/mailbox.ts";
import { MAX_BATCH_LINES } from "../../../sql/orders/batch.ts";
import { refuse } from "../../../client/contract/refusal.ts";
import { anOrder, manyLines } from "../../support/load/orders.ts";
import type { Answer } from "../../../client/contract/order.ts";

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
    fc.record({ do: fc.constant("offer" as const), key: fc.nat(2), content: fc.nat(1) }),
    fc.record({ do: fc.constant("take" as const), most: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant("putBack" as const) }),
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
          const order = anOrder({ idempotencyKey: `${step.key}`, customerRef: `${step.content}` });
          const { waitingOrder, answers } = aWaitingOrder(order, made++);
          if (mailbox.offer(waitingOrder)) accepted.push(answers);
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
        } else if (step.do === "putBack") mailbox.putBack(taken.splice(0));
        else if (step.do === "settle") {
          for (const waitingOrder of taken.splice(0)) mailbox.settle(waitingOrder, ANSWER);
        } else if (step.do === "giveUp") {
          mailbox.giveUp((waitingOrder) => waitingOrder.deadlineAt < step.before, ANSWER);
        } else {
          mailbox.dismiss((waitingOrder) => waitingOrder.deadlineAt < step.before, () => ANSWER);
        }
        const unanswered = accepted.filter((answers) => answers.length === 0).length;
        assertEquals(mailbox.orders + mailbox.taken, unanswered);
        assert(mailbox.orders + mailbox.taken <= 8);
        assertEquals(mailbox.lines, mailbox.orders, "each order here has one line");
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
  for (const waitingOrder of waiting.slice(0, 3)) mailbox.offer(waitingOrder);
  const taken = mailbox.take(2).flatMap((entry) => entry.waiting);
  mailbox.offer(waiting[3]!);
  mailbox.putBack(taken);
  const again = mailbox.take(10).map((entry) => entry.waiting[0]);
  assertEquals(again, waiting);
});

Deno.test("a batch has no more lines than allowed, and the rest waits in its order", () => {
  const mailbox = new Mailbox({ maxOrders: 100, maxBytes: 100_000_000 });
  const waiting = Array.from(
    { length: 60 },
    () => aWaitingOrder(anOrder({ lines: manyLines(199) })),
  );
  for (const { waitingOrder } of waiting) assert(mailbox.offer(waitingOrder));
  const full = Math.floor(MAX_BATCH_LINES / 199);
  const batches = [];
  while (mailbox.canTake()) batches.push(mailbox.take(1_000));
  assertEquals(batches.map((batch) => batch.length), [full, full, 60 - 2 * full]);
  assertEquals(
    batches.flat().map(({ order }) => order.orderId),
    waiting.map(({ waitingOrder }) => waitingOrder.order.orderId),
  );
});
