/**
 * The parts of one instance, wired together: which part gets what. Data goes one way: orders into
 * the writer, its commits wake the aggregator, its folds go out on the bus, and what the bus brings
 * reaches the live hub.
 */
import type { Redis } from "ioredis";
import { type Aggregator, createAggregator } from "../actors/aggregator.ts";
import type { FoldRun } from "../actors/aggregator_machine.ts";
import { systemClock } from "../actors/clock.ts";
import { createOrderWriter, type OrderWriter } from "../actors/order_writer.ts";
import { findApiKey } from "../sql/api_keys.ts";
import { commitBatch } from "../sql/batch.ts";
import { type Database, openDatabase } from "../sql/database.ts";
import { foldJournal } from "../sql/fold.ts";
import { listOrders, readOrder } from "../sql/orders.ts";
import { readFigures, readNewest } from "../sql/snapshots.ts";
import { createAuth } from "./auth.ts";
import { type Bus, startBus } from "./bus/bus.ts";
import { closeRedis, openRedis } from "./bus/redis_connection.ts";
import type { Config } from "./config.ts";
import type { InstanceOptions } from "./instance.ts";
import { createIntake } from "./intake.ts";
import { LiveHub } from "./live/live_hub.ts";
import { createSnapshotCache, NO_CACHE } from "./live/snapshot_cache.ts";
import type { Services } from "./router/context.ts";
import { createStatusBoard } from "./status_board.ts";
import { describe, getLogger } from "./telemetry/log.ts";
import { createMetrics, type Metrics } from "./telemetry/metrics.ts";
import { VERSION } from "./version.ts";

const log = getLogger(["weir"]);

/** Batches in flight at once, one for each lane of the writer. */
const WRITE_CONNECTIONS = 2;

export interface Parts {
  readonly writer: OrderWriter;
  readonly aggregator: Aggregator;
  readonly bus: Bus;
  readonly hub: LiveHub;
  readonly metrics: Metrics;
  /** What calls reach. */
  readonly services: Services;
  /** True when the writer would take an order now. */
  readonly takesOrders: () => boolean;
  readonly closeConnections: () => Promise<void>;
}

/** Makes and starts all parts but the server. */
export function assembleParts({ config, databaseUrl, redisUrl }: InstanceOptions): Parts {
  const metrics = createMetrics();
  const database = openDatabase({
    url: databaseUrl,
    statementTimeoutMs: config.statementTimeoutMs,
    writeConnections: WRITE_CONNECTIONS,
  });
  const redis = redisUrl === null ? null : openRedis(redisUrl, "cache");
  const hub = createHub(config, database, redis, metrics);
  const bus = startBus({
    databaseUrl,
    pool: database.read,
    redisUrl,
    redisPrefix: config.redisPrefix,
    onNotice: (notice) => hub.notice(notice),
  });
  const aggregator = startAggregator(config, database, bus, metrics);
  const writer = startWriter(config, database, aggregator, metrics);
  hub.start();
  const subscribers = () => hub.subscribers;
  metrics.watch({
    writer: () => writer.status(),
    aggregator: () => aggregator.status(),
    bus: bus.state,
    subscribers,
  });
  const instanceId = crypto.randomUUID();
  return {
    writer,
    aggregator,
    bus,
    hub,
    metrics,
    services: {
      auth: createAuth({
        findKey: (token) => findApiKey(database.read, token),
        devKey: config.devKey,
      }),
      intake: createIntake(writer, metrics),
      orders: {
        read: (storeId, orderId) => readOrder(database.read, storeId, orderId),
        list: (options) => listOrders(database.read, options),
      },
      hub,
      statusBoard: createStatusBoard({
        instanceId,
        version: VERSION,
        writer,
        aggregator,
        bus,
        subscribers,
      }),
      aggregate: () => aggregator.run(),
    },
    takesOrders: () => {
      const { circuit, intake } = writer.status();
      return circuit !== "open" && intake === "accepting";
    },
    closeConnections: async () => {
      await Promise.all([redis === null ? undefined : closeRedis(redis), database.end()]);
    },
  };
}

function createHub(
  config: Config,
  database: Database,
  redis: Redis | null,
  metrics: Metrics,
): LiveHub {
  return new LiveHub({
    readFigures: (scope) => readFigures(database.read, scope),
    readNewest: () => readNewest(database.read),
    cache: redis === null ? NO_CACHE : createSnapshotCache(redis, config.redisPrefix),
    now: systemClock.now,
    onSkippedFrame: () => metrics.skippedFrames.inc(),
    onFrame: (freshnessMs) => metrics.freshnessSeconds.observe(freshnessMs / 1_000),
  });
}

function startWriter(
  config: Config,
  database: Database,
  aggregator: Aggregator,
  metrics: Metrics,
): OrderWriter {
  return createOrderWriter({
    store: { commit: (orders) => database.write.run((sql) => commitBatch(sql, orders)) },
    maxOrders: config.queueMaxOrders,
    maxBytes: config.queueMaxBytes,
    maxBatchOrders: config.batchMaxOrders,
    statementTimeoutMs: config.statementTimeoutMs,
    clock: systemClock,
    random: Math.random,
    onBatch: (report) => {
      metrics.batchOrders.observe(report.orders);
      metrics.commitSeconds.observe(report.commitMs / 1_000);
      if (report.failure !== null) log.warn("a batch failed", { ...report.failure });
      if (report.newOrders > 0) aggregator.wake();
    },
    onBug: (error) => log.fatal(`a bug in the order writer: ${describe(error)}`),
  });
}

function startAggregator(
  config: Config,
  database: Database,
  bus: Bus,
  metrics: Metrics,
): Aggregator {
  const count = (run: FoldRun) => {
    metrics.runSeconds.observe(run.ms / 1_000);
    metrics.runs.inc({ outcome: "error" in run ? "failed" : run.result.outcome });
  };
  return createAggregator({
    fold: () => foldJournal(database.fold),
    intervalMs: config.aggregatorIntervalMs,
    minGapMs: config.aggregatorMinGapMs,
    clock: systemClock,
    random: Math.random,
    onRun: (run) => {
      count(run);
      if ("error" in run) log.warn(`a fold failed: ${describe(run.error)}`);
      else if (run.result.outcome === "folded" && run.result.notice !== null) {
        bus.publish(run.result.notice);
      }
    },
    onBug: (error) => log.fatal(`a bug in the aggregator: ${describe(error)}`),
  });
}
