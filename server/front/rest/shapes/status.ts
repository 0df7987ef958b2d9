/**
 * Shapes of an instance's status, and of the key of a call.
 *
 * Tested in tests/server/front/rest/fuzz_test.ts.
 */
import { z } from "zod";
import {
  type AggregatorStatus,
  type AuditorStatus,
  type OpsStatus,
  type OrderWriterStatus,
  type OverflowStatus,
  PROBLEM_NAMES,
  type StandingProblem,
} from "../../../../client/contract/ops_status.ts";
import { scopeInput, type Whoami } from "../../../../client/contract/scope.ts";
import { shapeOf } from "./same.ts";

const text = z.string().nullable();
const ms = z.number().nullable();

const writer = shapeOf<OrderWriterStatus>()(z.object({
  circuit: z.enum(["closed", "open", "half_open"]),
  intake: z.enum(["accepting", "draining", "stopped"]),
  queuedOrders: z.int(),
  queuedBytes: z.int(),
  inFlightBatches: z.int(),
  commitMsP50: ms,
  commitMsP99: ms,
  lastError: text,
  lastErrorAt: text,
}));

const aggregator = shapeOf<AggregatorStatus>()(z.object({
  state: z.enum(["standby", "idle", "running", "running_pending", "backing_off", "stopped"]),
  lastRunMs: ms,
  lastRunAt: text,
  lagMs: z.number(),
  overlaps: z.int(),
  intervalMs: z.number(),
  failuresInARow: z.int(),
  lastError: text,
  lastErrorAt: text,
}));

const auditor = shapeOf<AuditorStatus>()(z.object({
  lastRunAt: text,
  checked: z.int(),
  drifted: z.int(),
}));

const overflow = shapeOf<OverflowStatus>()(z.object({
  state: z.enum(["ready", "draining", "unavailable", "not_durable"]),
  orders: z.int(),
  oldestAgeMs: ms,
}));

const standingProblem = shapeOf<StandingProblem>()(z.object({
  name: z.enum(PROBLEM_NAMES),
  since: z.string(),
  detail: z.string(),
  counts: z.record(z.string(), z.number()),
}));

export const opsStatus = shapeOf<OpsStatus>()(z.object({
  instanceId: z.string(),
  startedAt: z.string(),
  version: z.string(),
  writer,
  aggregator,
  bus: z.object({ state: z.enum(["redis", "postgres", "down"]) }),
  spill: overflow,
  deadLetters: z.object({ open: z.int(), latestRule: text }),
  live: z.object({ subscribers: z.int() }),
  auditor,
  problems: z.array(standingProblem),
}));

export const whoami = shapeOf<Whoami>()(z.object({
  name: z.string().describe("The label that the key was made with."),
  scopes: z.array(scopeInput),
  storeId: text.describe("The only store of the key; null: several, or all."),
  stores: z.array(z.string()).nullable().describe("Null: all stores."),
  currencies: z.array(z.string()).nullable().describe("Null: all currencies."),
  procedures: z.array(z.string()).nullable().describe("Those of a token; null for a key."),
  expiresAt: text.describe("The end of a token; null for a key."),
}));
