/**
 * Shapes of refusals, and of the problem (RFC 9457) that carries one over REST.
 *
 * Tested in tests/server/front/rest/fuzz_test.ts.
 */
import { z } from "zod";
import type { BrokenRule } from "../../../../client/contract/broken_rule.ts";
import type { InputIssue, Refusal, RefusalReason } from "../../../../client/contract/refusal.ts";
import { shapeOf } from "./same.ts";

export const reason = shapeOf<RefusalReason>()(z.enum([
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
]));

export const inputIssue = shapeOf<InputIssue>()(z.object({
  path: z.string().describe("The place, such as `lines.0.sku`; empty for the whole."),
  message: z.string(),
}));

const name = z.string().nullable();

export const brokenRule = shapeOf<BrokenRule>()(z.object({
  code: z.string().describe("The SQLSTATE, or a word of the contract."),
  table: name,
  column: name,
  constraint: name,
  function: name,
  message: z.string().describe("PostgreSQL's own words, without the order's data."),
}));

export const refusal = shapeOf<Refusal>()(z.object({
  reason,
  message: z.string(),
  retryAfterMs: z.int().exactOptional(),
  deadLetterId: z.uuid().exactOptional(),
  rule: brokenRule.exactOptional(),
  issues: z.array(inputIssue).exactOptional(),
}));

export const problem = z.object({
  type: z.string().describe(
    "A path of this service that explains the reason; `about:blank` where the status says all.",
  ),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  reason: reason.exactOptional(),
  retryAfterMs: z.int().exactOptional().describe("After so many milliseconds a try makes sense."),
  issues: z.array(inputIssue).exactOptional(),
  rule: brokenRule.exactOptional(),
  deadLetterId: z.uuid().exactOptional(),
  requestId: z.uuid().exactOptional().describe("Look for it in the log of the service."),
});

/** A failed request, as RFC 9457 has it, with the fields of the contract's errors. */
export type Problem = Readonly<z.output<typeof problem>>;
