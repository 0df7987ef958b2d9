/** Errors of calls as a program reads them. */
import { TRPCClientError } from "@trpc/client";
import { assertEquals, assertRejects } from "@std/assert";
import { errorDataOf, PlaceError, WeirError, weirErrorOf } from "../../../client/mod.ts";
import { anInput } from "../../support/load/orders.ts";
import { withInstance } from "../../support/services/instance.ts";

Deno.test("an answer of Weir's keeps its reason and its details", () =>
  withInstance(async ({ api }) => {
    const bad = { ...anInput(), currency: "EURO" };
    const error = await assertRejects(() => api.orders.place.mutate(bad), TRPCClientError);
    const found = weirErrorOf(error);
    assertEquals(found.reason, "invalid_input");
    assertEquals(found.issues.map(({ path }) => path), ["currency"]);
    assertEquals([found.retryAfterMs, found.deadLetterId, found.rule], [null, null, null]);
    assertEquals(found.cause, error);
    assertEquals(errorDataOf(error)?.httpStatus, 400);
    assertEquals(weirErrorOf(found), found);
  }));

Deno.test("an error of anything else is no answer", () => {
  for (const error of [new TypeError("fetch failed"), new TRPCClientError("a page"), "words"]) {
    assertEquals(errorDataOf(error), null);
    assertEquals(weirErrorOf(error).reason, "no_answer");
  }
});

Deno.test("a connection that was never made has sent nothing", () => {
  const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
  const reset = Object.assign(new Error("read"), { code: "ECONNRESET" });
  const around = (cause: Error) => new TypeError("fetch failed", { cause });
  assertEquals(weirErrorOf(around(refused)).reason, "no_connection");
  assertEquals(weirErrorOf(around(reset)).reason, "no_answer");
});

Deno.test("the error of an order names it, and keeps every detail", () => {
  const order = { storeId: "berlin", orderId: "id", idempotencyKey: "key" };
  const rule = {
    code: "23514",
    table: "orders",
    column: null,
    constraint: "no_tea",
    function: null,
    message: "…",
  };
  const details = { retryAfterMs: 5, deadLetterId: "letter", rule, issues: [], requestId: "r" };
  const error = new PlaceError(order, true, new WeirError("rejected", "no tea", details));
  assertEquals({ ...error }, {
    ...error,
    ...details,
    reason: "rejected",
    mayBeStored: true,
    order,
  });
  assertEquals([error.message, error.name], ["no tea", "PlaceError"]);
  assertEquals([error.mayPassLater, weirErrorOf("words").mayPassLater], [false, true]);
  assertEquals(error instanceof WeirError, true);
});
