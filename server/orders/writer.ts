/**
 * The order writer of one instance: its settings, its metrics, and the orders that nobody can keep.
 *
 * Tested in tests/server/orders/outage_test.ts.
 */
import { systemClock } from "../../actors/clock.ts";
import type { NotParked, OrderStore } from "../../actors/order_writer/group_commit.ts";
import type { Overflow } from "../../actors/order_writer/group_spill.ts";
import {
  type OrderWriter,
  type OrderWriterOptions,
  startOrderWriter,
} from "../../actors/order_writer/order_writer.ts";
import type { Config } from "../config.ts";
import { tellBug } from "../telemetry/bugs.ts";
import { getLogger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Streak } from "../telemetry/streak.ts";

const log = getLogger(["weir"]);

export interface WriterOptions {
  readonly config: Config;
  readonly store: OrderStore;
  /** Null: there is none. */
  readonly overflow: Overflow | null;
  readonly metrics: Metrics;
  /** Gets the outcome of each batch. */
  readonly streak: Streak;
  /** Called after a commit that stored new orders. */
  readonly onCommitted: () => void;
  /** Called when the circuit has closed again. */
  readonly onClosed: () => void;
}

/** The writer's settings that come from the configuration. */
export function writerSettings(config: Config) {
  return {
    maxOrders: config.queueMaxOrders,
    maxBytes: config.queueMaxBytes,
    maxBatchOrders: config.batchMaxOrders,
    statementTimeoutMs: config.statementTimeoutMs,
    clock: systemClock,
    random: Math.random,
  } satisfies Partial<OrderWriterOptions>;
}

/** Starts the writer. */
export function startWriter(options: WriterOptions): OrderWriter {
  const { config, store, overflow, metrics, streak, onCommitted, onClosed } = options;
  const writer = startOrderWriter({
    ...writerSettings(config),
    store,
    overflow,
    onBatch: ({ orders, newOrders, commitMs, failure, notParked }) => {
      metrics.batchOrders.observe(orders);
      metrics.commitSeconds.observe(commitMs / 1_000);
      if (failure === null) streak.succeeded();
      else streak.failed(failure, failure.code);
      notParked.forEach(tellNotParked);
      if (newOrders > 0) onCommitted();
    },
    onBug: (error) => tellBug("a bug in the order writer", error),
  });
  let before = writer.circuit;
  writer.onChange(() => {
    const { circuit } = writer;
    if (circuit === before || circuit === "half_open") return;
    before = circuit;
    if (circuit === "closed") onClosed();
  });
  return writer;
}

function tellNotParked({ order, code, parkCode }: NotParked): void {
  const { orderId, storeId, idempotencyKey } = order;
  log.warn(
    `order ${orderId} of ${storeId} is refused: it cannot be stored: ${code}, and as a dead ` +
      `letter: ${parkCode}`,
    { orderId, storeId, idempotencyKey, code, parkCode },
  );
}
