/** The tries of one order, and what may be said of it after them. */
import { assertEquals } from "@std/assert";
import { type FailureReason, WeirError } from "../../../client/mod.ts";
import { Tries } from "../../../client/orders/tries.ts";

const ORDER = { storeId: "berlin", orderId: "id", idempotencyKey: "key" };

function after(...reasons: FailureReason[]): { goesOn: boolean; mayBeStored: boolean } {
  const tries = new Tries(true);
  const answers = reasons.map((reason) => tries.failed(new WeirError(reason, reason)));
  const error = tries.errorOf(ORDER, null);
  assertEquals([error.reason, error.order, tries.count], [reasons.at(-1)!, ORDER, reasons.length]);
  return { goesOn: answers.at(-1)!, mayBeStored: error.mayBeStored };
}

Deno.test("a refusal for now goes on, and stores nothing", () => {
  assertEquals(after("queue_full"), { goesOn: true, mayBeStored: false });
});

Deno.test("an order may be stored once a try had no answer, whatever later tries are refused for", () => {
  assertEquals(after("no_answer"), { goesOn: true, mayBeStored: true });
  assertEquals(after("no_answer", "circuit_open"), { goesOn: true, mayBeStored: true });
  assertEquals(after("no_answer", "unauthenticated"), { goesOn: false, mayBeStored: true });
});

Deno.test("a refusal of the content holds for the tries before it", () => {
  assertEquals(after("no_answer", "idempotency_mismatch"), { goesOn: false, mayBeStored: false });
});

Deno.test("an end of the caller's own is told instead of the latest refusal", () => {
  const tries = new Tries(true);
  tries.failed(new WeirError("no_answer", "nothing came"));
  const error = tries.errorOf(ORDER, new WeirError("aborted", "enough"));
  assertEquals([error.reason, error.mayBeStored], ["aborted", true]);
});

Deno.test("a refusal for now proves nothing where a request may be sent twice", () => {
  const tries = new Tries(false);
  assertEquals(tries.failed(new WeirError("queue_full", "full")), true);
  assertEquals(tries.errorOf(ORDER, null).mayBeStored, true);
  tries.failed(new WeirError("invalid_input", "no order"));
  assertEquals(tries.errorOf(ORDER, null).mayBeStored, false);
  assertEquals(tries.failed(new WeirError("no_token", "nothing left this machine")), true);
  assertEquals(tries.errorOf(ORDER, null).mayBeStored, false);
});
