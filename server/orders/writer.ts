/**
 * The order writer of one instance: its settings and its metrics.
 *
 * Tested in tests/server/orders/outage_test.ts.
 */
import { systemClock } from "../../actors/clock.ts";
import type { OrderStore } from "../../actors/order_writer/group_commit.ts";
import type { Overflow } from "../../actors/order_writer/group_spill.ts";
import {
  type OrderWriter,
  type OrderWriterOptions,
  startOrderWriter,
} from "../../actors/order_writer/order_writer.ts";
import type { Config } from "../config.ts";
import { tellBug } from "../telemetry/bugs.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Streak } from "../telemetry/streak.ts";

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
    onBatch: ({ orders, newOrders, commitMs, failure }) => {
      metrics.batchOrders.observe(orders);
      metrics.commitSeconds.observe(commitMs / 1_000);
      if (failure === null) streak.succeeded();
      else streak.failed(failure, failure.code);
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
