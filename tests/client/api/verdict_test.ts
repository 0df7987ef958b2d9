/** The verdict on each reason of the contract. */
import { assertEquals } from "@std/assert";
import { verdictOn } from "../../../client/api/verdict.ts";
import type { FailureReason } from "../../../client/mod.ts";

Deno.test("a try is repeated only where another one can help", () => {
  const reasonsOf = (verdict: string) => REASONS.filter((reason) => verdictOn(reason) === verdict);
  assertEquals(reasonsOf("for_now"), [
    "rate_limited",
    "queue_full",
    "deadline_exceeded",
    "circuit_open",
    "unavailable",
    "draining",
  ]);
  assertEquals(reasonsOf("unsent"), ["no_connection", "no_token"]);
  assertEquals(reasonsOf("unknown"), ["outcome_unknown", "internal", "no_answer"]);
  assertEquals(reasonsOf("content"), [
    "invalid_input",
    "payload_too_large",
    "idempotency_mismatch",
    "rejected",
  ]);
});

Deno.test("a reason that only a newer server knows says nothing certain", () => {
  assertEquals(verdictOn("eaten_by_a_newer_version" as FailureReason), "unknown");
});

const REASONS: readonly FailureReason[] = [
  "invalid_input",
  "unauthenticated",
  "forbidden",
  "not_found",
  "letter_closed",
  "not_committed_yet",
  "payload_too_large",
  "idempotency_mismatch",
  "rejected",
  "rate_limited",
  "queue_full",
  "deadline_exceeded",
  "outcome_unknown",
  "circuit_open",
  "unavailable",
  "draining",
  "internal",
  "no_answer",
  "no_connection",
  "no_token",
  "aborted",
];
