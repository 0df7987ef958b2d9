/** Entries of the outbox: what each end of a try makes of them. */
import { assertEquals } from "@std/assert";
import {
  afterTry,
  type EntryState,
  isSettled,
  mayReplace,
  newEntry,
  orphaned,
  sending,
} from "../../../client/outbox/entry.ts";
import { type FailureReason, prepareOrder, WeirError } from "../../../client/mod.ts";
import { anInput } from "../../support/load/orders.ts";

const PREPARED = prepareOrder(anInput());
const WAITING = newEntry(PREPARED, "2026-11-28T10:00:00.000Z");
const LATER = "2026-11-28T10:00:01.000Z";

function refusedIn(before: EntryState, reason: FailureReason, isOnce = true) {
  return afterTry(
    { ...WAITING, state: before },
    before,
    { error: new WeirError(reason, "no"), isOnce },
    LATER,
  );
}

Deno.test("an acknowledgement is the state, and takes the failure off", () => {
  for (const status of ["committed", "spilled"] as const) {
    const acknowledgement = {
      orderId: PREPARED.orderId,
      status,
      replayed: false,
      totalMinor: 900,
      currency: "EUR",
      placedAt: LATER,
    };
    const after = afterTry(
      refusedIn("waiting", "no_answer"),
      "unknown",
      { acknowledgement },
      LATER,
    );
    assertEquals([after.state, after.failure, after.changedAt], [status, null, LATER]);
    assertEquals([after.acknowledgement, isSettled(after)], [
      acknowledgement,
      status === "committed",
    ]);
  }
});

Deno.test("a refusal for now says nothing of the tries before", () => {
  const states = (reason: FailureReason) =>
    (["waiting", "unknown", "spilled"] as const).map((before) => refusedIn(before, reason).state);
  assertEquals(states("queue_full"), ["waiting", "unknown", "spilled"]);
  assertEquals(states("no_answer"), ["unknown", "unknown", "spilled"]);
  assertEquals(states("unauthenticated"), ["waiting", "unknown", "spilled"]);
  assertEquals(states("forbidden"), ["refused", "unknown", "spilled"]);
  assertEquals(states("rejected"), ["refused", "refused", "refused"]);
});

Deno.test("a try that begins in the state sent had one before it that nobody knows the end of", () => {
  for (const reason of ["no_answer", "queue_full", "unauthenticated", "forbidden"] as const) {
    assertEquals(refusedIn("sent", reason).state, "unknown", reason);
  }
  assertEquals(refusedIn("sent", "rejected").state, "refused");
});

Deno.test("a form takes the place of another one, unless it comes late", () => {
  const form = (state: EntryState, tries: number) => ({ ...WAITING, state, tries });
  const may = (known: EntryState, next: EntryState, tries: number) =>
    mayReplace(form(known, 2), form(next, tries));
  const states = ["waiting", "sent", "unknown", "spilled", "committed", "refused"] as const;
  const taking = (known: EntryState, tries: number) =>
    states.filter((next) => may(known, next, tries));
  assertEquals(taking("committed", 3), ["committed"]);
  assertEquals(taking("spilled", 2), ["spilled", "committed", "refused"]);
  assertEquals(taking("spilled", 1), ["spilled", "committed"]);
  assertEquals(taking("refused", 2), ["waiting", "spilled", "committed", "refused"]);
  assertEquals(taking("refused", 3), ["spilled", "committed"]);
  for (const known of ["waiting", "sent", "unknown"] as const) {
    assertEquals(taking(known, 1), ["spilled", "committed"], "an older try");
    assertEquals(taking(known, 2), states.filter((state) => state !== "sent"));
    assertEquals(taking(known, 3), [...states]);
  }
});

Deno.test("a refusal for now proves nothing where a request may be sent twice", () => {
  assertEquals(refusedIn("waiting", "queue_full", false).state, "unknown");
  assertEquals(refusedIn("waiting", "unauthenticated", false).state, "waiting");
  assertEquals(refusedIn("waiting", "rejected", false).state, "refused");
});

Deno.test("a sender that is gone leaves its try unknown", () => {
  const sent = sending(WAITING, LATER);
  assertEquals([sent.state, sent.tries, isSettled(sent)], ["sent", 1, false]);
  assertEquals(orphaned(sent, LATER).state, "unknown");
  assertEquals(orphaned(WAITING, LATER), WAITING);
});

Deno.test("an entry is JSON, whole", () => {
  const failed = refusedIn("waiting", "rejected");
  assertEquals(JSON.parse(JSON.stringify(failed)), failed);
  assertEquals(failed.failure?.reason, "rejected");
});
