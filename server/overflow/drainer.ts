/**
 * The drainer of one instance: it takes orders out of the overflow in Redis and commits them as the
 * writer does, over connections of its own.
 *
 * Tested in tests/system/overflow/drainer_killed_test.ts.
 */
import {
  type OverflowDrainer,
  startOverflowDrainer,
} from "../../actors/overflow_drainer/overflow_drainer.ts";
import { systemClock } from "../../actors/clock.ts";
import type { Database } from "../../sql/connection/database.ts";
import { commitBatch } from "../../sql/orders/batch.ts";
import { type ParkedLetter, parkOrder } from "../../sql/orders/dead_letters.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { describe, getLogger } from "../telemetry/log.ts";
import type { RedisOverflow } from "./redis_overflow.ts";

const log = getLogger(["weir", "overflow"]);

/** Orders in one batch of the drain. */
const DRAIN_ORDERS = 500;
/** Orders that another instance took are taken over after the statement timeout and this margin. */
const TAKEOVER_MARGIN_MS = 1_000;

export interface DrainerOptions {
  readonly overflow: RedisOverflow;
  readonly database: Database;
  readonly instanceId: string;
  readonly statementTimeoutMs: number;
  /** True when the database takes orders, by what the writer knows. */
  readonly mayDrain: () => boolean;
  /** Called after a commit that stored new orders. */
  readonly onDrained: () => void;
  /** Called when an order has become a dead letter. */
  readonly onParked: (order: NewOrder, letter: ParkedLetter) => void;
}

/** Starts draining `overflow` into the database. */
export function startDrainer(options: DrainerOptions): OverflowDrainer {
  const { overflow, database, instanceId, statementTimeoutMs, mayDrain } = options;
  const { onDrained, onParked } = options;
  const takeoverMs = statementTimeoutMs + TAKEOVER_MARGIN_MS;
  return startOverflowDrainer({
    source: {
      take: () => overflow.take(instanceId, DRAIN_ORDERS, takeoverMs),
      remove: (entries) => overflow.remove(entries),
    },
    store: {
      commit: (orders) => database.drain.run((sql) => commitBatch(sql, orders)),
      park: async (order, cause) =>
        onParked(order, await database.drain.run((sql) => parkOrder(sql, order, cause))),
    },
    maxBatchOrders: DRAIN_ORDERS,
    mayDrain: () => overflow.state !== "unavailable" && mayDrain(),
    clock: systemClock,
    random: Math.random,
    onDrained: ({ drained, newOrders, parked }) => {
      if (drained > 0) log.info(`drained ${drained} orders`, { drained, newOrders, parked });
      if (newOrders > 0) onDrained();
    },
    onFailed: (error) => log.warn(`the overflow waits: ${describe(error)}`),
    onBug: (error) => log.fatal(`a bug in the drainer: ${describe(error)}`),
  });
}
