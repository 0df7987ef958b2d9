/**
 * The order writer of one instance: its settings, its metrics, and the log lines of an outage.
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
import { describe, getLogger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

const log = getLogger(["weir"]);

export interface WriterOptions {
  readonly config: Config;
  readonly store: OrderStore;
  /** Null: there is none. */
  readonly overflow: Overflow | null;
  readonly metrics: Metrics;
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
  const { config, store, overflow, metrics, onCommitted, onClosed } = options;
  const writer = startOrderWriter({
    ...writerSettings(config),
    store,
    overflow,
    onBatch: ({ orders, newOrders, commitMs, failure, notParked }) => {
      metrics.batchOrders.observe(orders);
      metrics.commitSeconds.observe(commitMs / 1_000);
      if (failure !== null) log.info(`a batch failed: ${failure.code}`, { ...failure });
      notParked.forEach(tellNotParked);
      if (newOrders > 0) onCommitted();
    },
    onBug: (error) => log.fatal(`a bug in the order writer: ${describe(error)}`),
  });
  let before = writer.circuit;
  writer.onChange(() => {
    const { circuit } = writer;
    if (circuit === before || circuit === "half_open") return;
    before = circuit;
    tellCircuit(writer, overflow);
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

/** The two lines of an outage that everybody wants to see. */
function tellCircuit(writer: OrderWriter, overflow: Overflow | null): void {
  if (writer.circuit === "closed") return log.warn("the database takes orders again");
  const { lastError } = writer.status();
  const fate = overflow?.isReady() === true ? "go into the overflow" : "are refused";
  log.warn(`the database is out (${lastError}): orders ${fate} until it is back`);
}
