/**
 * Shapes of dead letters, and of the runs that an operator asks for.
 *
 * Tested in tests/server/front/rest/fuzz_test.ts.
 */
import { z } from "zod";
import {
  type DeadLetter,
  LETTER_STATES,
  type LetterPage,
  type Replay,
  type ReplayManyReport,
  type ReplayResult,
} from "../../../../client/contract/dead_letter.ts";
import type { AggregateResult, AuditReport, Drift } from "../../../../client/contract/ops_runs.ts";
import { acknowledgement, placedOrder } from "./orders.ts";
import { brokenRule, reason, refusal } from "./refusals.ts";
import { shapeOf } from "./same.ts";

const time = z.string();

export const deadLetter = shapeOf<DeadLetter>()(z.object({
  id: z.uuid(),
  storeId: z.string(),
  orderId: z.uuid(),
  state: z.enum(LETTER_STATES),
  reason: z.enum(["rejected", "conflict"]),
  code: z.string(),
  rule: brokenRule.nullable(),
  payload: placedOrder,
  placedAt: time.nullable(),
  failures: z.int(),
  firstFailedAt: time,
  lastFailedAt: time,
  closedAt: time.nullable(),
  closedBy: z.string().nullable(),
  closeNote: z.string().nullable(),
  replayPayload: placedOrder.nullable(),
}));

export const letterPage = shapeOf<LetterPage>()(z.object({
  letters: z.array(deadLetter).describe("The letter that failed last comes first."),
  nextCursor: z.string().nullable().describe("Null is the end, and only null."),
}));

export const replay = shapeOf<Replay>()(z.object({ order: acknowledgement, letter: deadLetter }));

const replayResult = shapeOf<ReplayResult>()(z.object({
  id: z.uuid(),
  outcome: z.enum(["committed", "spilled", "duplicate", "failing", "closed"]),
  reason: reason.exactOptional(),
  rule: brokenRule.exactOptional(),
}));

export const replayReport = shapeOf<ReplayManyReport>()(z.object({
  results: z.array(replayResult).describe("The letter that waits longest comes first."),
  stoppedBy: refusal.nullable().describe("Null: the run came to its end."),
}));

export const aggregateResult = shapeOf<AggregateResult>()(z.union([
  z.object({ version: z.int(), journalRows: z.int(), orders: z.int(), ms: z.number() }),
  z.object({ skipped: z.enum(["locked", "running"]) }),
]));

const sums = z.record(z.string(), z.string());

const drift = shapeOf<Drift>()(z.object({
  scope: z.string(),
  bucket: z.string(),
  currency: z.string(),
  sku: z.string().nullable(),
  expected: sums,
  found: sums,
}));

export const auditReport = shapeOf<AuditReport>()(z.object({
  checked: z.int(),
  drifted: z.array(drift),
  skipped: z.literal("journal").exactOptional(),
}));
