/**
 * The problems of Redis and of the overflow in it.
 *
 * Tested in tests/server/ops/problems/list_test.ts.
 */
import type { ProblemRule } from "./rule.ts";
import { describeStep, type Signs } from "./signs.ts";
import { isForbidden, rightsFor } from "../../redis/rights.ts";

/** Orders that wait for a shorter time are being drained. */
const WAITING_MS = 30_000;
/** A side step that fails for a shorter time is an event, which the log tells by its name. */
export const STEP_FAILS_MS = 10_000;
const DRAIN_FAILS_MS = 10_000;
const NEARLY_FULL = 0.8;
/** An order that was turned away longer ago says nothing of now. */
const FULL_MS = 10_000;

export const OVERFLOW_PROBLEMS: readonly ProblemRule[] = [
  {
    name: "redis_away",
    words: "Redis is away",
    over: "Redis is back",
    beginAfterMs: 1_000,
    look: (signs) => {
      const lost = signs.lostRedis() ?? [];
      if (lost.length === 0) return null;
      return { detail: lost.join("; "), counts: { lostConnections: lost.length } };
    },
  },
  {
    name: "redis_refuses",
    words: "the Redis user lacks a right",
    over: "the Redis user lacks no right",
    beginAfterMs: STEP_FAILS_MS,
    causes: ["redis_away"],
    look: (signs) => {
      const refused = signs.failingSteps().filter(({ error }) => isForbidden(error));
      if (refused.length === 0) return null;
      const details = refused.map(describeStep).join("; ");
      return { detail: `${details}; it needs ${rightsFor(signs.redisPrefix)}` };
    },
  },
  {
    name: "overflow_absent",
    words: "there is no overflow",
    over: "there is an overflow",
    again: "never",
    look: (signs) => {
      if (signs.lostRedis() !== null) return null;
      const detail = "REDIS_URL is not set; while the database is out, every order is refused";
      return { detail };
    },
  },
  {
    name: "overflow_unavailable",
    words: "the overflow is away",
    over: "the overflow is ready",
    causes: ["redis_away"],
    beginAfterMs: 3_000,
    look: (signs) => {
      const overflow = signs.overflow();
      if (overflow === null || signs.spill().state !== "unavailable") return null;
      const { reason } = overflow;
      const needs = isForbidden(reason) ? `; it needs ${rightsFor(signs.redisPrefix)}` : "";
      return { detail: `${reason}${needs}; while the database is out, orders are refused` };
    },
  },
  {
    name: "overflow_not_durable",
    words: "the overflow is not used",
    over: "the overflow is used again",
    look: (signs) => {
      const overflow = signs.overflow();
      if (overflow === null || signs.spill().state !== "not_durable") return null;
      return { detail: `${overflow.reason}; while the database is out, orders are refused` };
    },
  },
  {
    name: "overflow_nearly_full",
    words: "the overflow is nearly full",
    over: "the overflow has room",
    look: ({ bounds, ...signs }, { now }) => {
      const overflow = signs.overflow();
      if (overflow === null) return null;
      const { orders } = signs.spill();
      const { bytes, fullAt } = overflow;
      const isFull = fullAt !== null && now - fullAt < FULL_MS;
      const share = Math.max(orders / bounds.overflowOrders, bytes / bounds.overflowBytes);
      if (share < NEARLY_FULL && !isFull) return null;
      const detail = isFull
        ? "Redis, or the bound of the overflow, has turned an order away"
        : "at its bound, orders are refused";
      const percent = Math.floor(share * 100);
      return { detail, counts: { spilledOrders: orders, spilledBytes: bytes, percent } };
    },
  },
  {
    name: "overflow_waiting",
    words: "orders wait in the overflow though the database takes orders",
    over: "no order waits long in the overflow",
    causes: ["not_prepared", "database_out", "primary_unknown", "drain_stalled", "redis_away"],
    look: (signs) => {
      const { orders, oldestAgeMs } = signs.spill();
      if (!mayDrain(signs) || (oldestAgeMs ?? 0) < WAITING_MS) return null;
      return {
        detail: "they are acknowledged, and in no figure yet",
        counts: { spilledOrders: orders, oldestSeconds: Math.round((oldestAgeMs ?? 0) / 1_000) },
      };
    },
  },
  {
    name: "drain_stalled",
    words: "the overflow is not drained",
    over: "the overflow is drained again",
    causes: ["not_prepared", "database_out", "primary_unknown", "redis_away"],
    look: ({ streaks: { drains }, ...signs }, { now }) => {
      const { orders, oldestAgeMs } = signs.spill();
      const { failures, firstAt, reason } = drains;
      const failsLong = failures > 1 && now - (firstAt ?? now) >= DRAIN_FAILS_MS;
      if (!mayDrain(signs) || !failsLong || orders === 0) return null;
      return {
        detail: reason,
        counts: {
          spilledOrders: orders,
          oldestSeconds: Math.round((oldestAgeMs ?? 0) / 1_000),
          failedDrains: failures,
        },
      };
    },
  },
  {
    name: "orders_set_aside",
    words: "orders in the overflow can neither be stored nor become dead letters",
    over: "no order in the overflow is set aside",
    again: "change",
    look: (signs) => {
      const setAsideOrders = signs.setAsideOrders();
      if (setAsideOrders === 0) return null;
      return {
        detail: "they are kept and tried again; the log names each",
        counts: { setAsideOrders },
      };
    },
  },
];

function mayDrain(signs: Pick<Signs, "overflow" | "writer">): boolean {
  return signs.overflow() !== null && signs.writer().circuit === "closed";
}
