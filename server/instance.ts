/**
 * One instance of Weir, wired together: which part gets what, in which order they start, and in
 * which order they stop.
 */
import { createActor, waitFor } from "xstate";
import { type Aggregator, createAggregator } from "../actors/aggregator.ts";
import { systemClock } from "../actors/clock.ts";
import { createOrderWriter, type OrderWriter } from "../actors/order_writer.ts";
import { systemMachine } from "../actors/system_machine.ts";
import { findApiKey } from "../sql/api_keys.ts";
import { commitBatch } from "../sql/batch.ts";
import { type Database, openDatabase } from "../sql/database.ts";
import { foldJournal } from "../sql/fold.ts";
import { migrate } from "../sql/migrate.ts";
import { listOrders, readOrder } from "../sql/orders.ts";
import { readFigures, readNewest } from "../sql/snapshots.ts";
import { createAuth } from "./auth.ts";
import { type Bus, startBus } from "./bus/bus.ts";
import { openRedis } from "./bus/redis_connection.ts";
import type { Config } from "./config.ts";
import { type HttpServer, serveHttp } from "./http.ts";
import { createIntake } from "./intake.ts";
import { LiveHub } from "./live/live_hub.ts";
import { createSnapshotCache, NO_CACHE } from "./live/snapshot_cache.ts";
import { cannotBeCured } from "./start_failure.ts";
import { createStatusBoard, type StatusBoard } from "./status_board.ts";
import { describe, getLogger } from "./telemetry/log.ts";
import { createMetrics, type Metrics } from "./telemetry/metrics.ts";
import { VERSION } from "./version.ts";

const log = getLogger(["weir"]);

/** Batches in flight at once, one for each lane of the writer. */
const WRITE_CONNECTIONS = 2;

export interface InstanceOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  /** Null: without Redis. */
  readonly redisUrl: string | null;
}

export interface Instance {
  readonly port: number;
  /** Resolves when orders are taken. @throws what made that impossible. */
  ready(): Promise<void>;
  /** Resolves when nothing runs any more; rejects with what ended it, unless it was `stop`. */
  ended(): Promise<void>;
  /** Finishes what is under way, within `WEIR_SHUTDOWN_MS`. Legal twice. */
  stop(): Promise<void>;
}

/** Starts an instance. The database and Redis may be away. @throws when the port is taken. */
export function startInstance(options: InstanceOptions): Instance {
  const parts = assemble(options);
  const { config, databaseUrl } = { ...options };
  const system = createActor(systemMachine, {
    input: {
      prepare: async () => {
        const { applied } = await migrate({ databaseUrl });
        for (const name of applied) log.info(`applied migration ${name}`);
      },
      drain: () => drain(parts, config.shutdownMs),
      isFatal: cannotBeCured,
      onPrepareFailed: (error, retryAfterMs) =>
        log.warn(`the database is away: ${describe(error)}`, { retryAfterMs }),
      backoff: { firstMs: 250, maxMs: 2_000 },
      random: Math.random,
    },
  });
  system.subscribe({ error: logBug });
  parts.isServing = () => system.getSnapshot().value === "serving";
  system.start();

  const ended = waitFor(system, (snapshot) => snapshot.status !== "active");
  return {
    port: parts.http.port,
    ready: async () => {
      const snapshot = await waitFor(
        system,
        ({ value }) => value === "serving" || value === "draining" || value === "stopped",
      );
      if (snapshot.context.failure !== null) throw snapshot.context.failure;
    },
    ended: async () => {
      const { failure } = (await ended).context;
      if (failure !== null) throw failure;
    },
    stop: async () => {
      system.send({ type: "STOP" });
      await ended;
    },
  };
}

interface Parts {
  readonly database: Database;
  readonly writer: OrderWriter;
  readonly aggregator: Aggregator;
  readonly bus: Bus;
  readonly hub: LiveHub;
  readonly http: HttpServer;
  readonly statusBoard: StatusBoard;
  readonly closeCache: () => void;
  isServing: () => boolean;
}

function assemble({ config, databaseUrl, redisUrl }: InstanceOptions): Parts {
  const metrics = createMetrics();
  const database = openDatabase({
    url: databaseUrl,
    statementTimeoutMs: config.statementTimeoutMs,
    writeConnections: WRITE_CONNECTIONS,
  });
  const cacheRedis = redisUrl === null ? null : openRedis(redisUrl, "cache");
  const hub = new LiveHub({
    readFigures: (scope) => readFigures(database.read, scope),
    readNewest: () => readNewest(database.read),
    cache: cacheRedis === null ? NO_CACHE : createSnapshotCache(cacheRedis, config.redisPrefix),
    now: systemClock.now,
    onSkippedFrame: () => metrics.skippedFrames.inc(),
    onFrame: (freshnessMs) => metrics.freshnessSeconds.observe(freshnessMs / 1_000),
  });
  const bus = startBus({
    databaseUrl,
    pool: database.read,
    redisUrl,
    redisPrefix: config.redisPrefix,
    onNotice: (notice) => hub.notice(notice),
  });
  const aggregator = assembleAggregator(config, database, bus, metrics);
  const writer = assembleWriter(config, database, aggregator, metrics);
  metrics.watch({
    writer: writer.status,
    aggregator: aggregator.status,
    bus: bus.state,
    subscribers: () => hub.subscribers,
  });
  const statusBoard = createStatusBoard({
    instanceId: crypto.randomUUID(),
    version: VERSION,
    writer,
    aggregator,
    bus,
    subscribers: () => hub.subscribers,
  });
  const parts: Omit<Parts, "http"> = {
    database,
    writer,
    aggregator,
    bus,
    hub,
    statusBoard,
    closeCache: () => cacheRedis?.disconnect(),
    isServing: () => false,
  };
  const http = serveHttp({
    port: config.port,
    host: config.host,
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
      statusBoard,
      aggregate: aggregator.run,
    },
    isReady: () => {
      const { circuit, intake } = writer.status();
      return parts.isServing() && circuit !== "open" && intake === "accepting";
    },
  });
  hub.start();
  return Object.assign(parts, { http });
}

function assembleWriter(
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
    onBug: logBug,
  });
}

function assembleAggregator(
  config: Config,
  database: Database,
  bus: Bus,
  metrics: Metrics,
): Aggregator {
  return createAggregator({
    fold: () => foldJournal(database.fold),
    intervalMs: config.aggregatorIntervalMs,
    minGapMs: config.aggregatorMinGapMs,
    clock: systemClock,
    random: Math.random,
    onRun: (run) => {
      metrics.runSeconds.observe(run.ms / 1_000);
      if ("error" in run) {
        metrics.runs.inc({ outcome: "failed" });
        log.warn(`a fold failed: ${describe(run.error)}`);
        return;
      }
      metrics.runs.inc({ outcome: run.result.outcome });
      if (run.result.outcome === "folded" && run.result.notice !== null) {
        bus.publish(run.result.notice);
      }
    },
    onBug: logBug,
  });
}

/** Orders first, since their callers wait; then their figures; then whoever watches. */
async function drain(parts: Parts, timeoutMs: number): Promise<void> {
  await parts.writer.stop(timeoutMs);
  await parts.aggregator.stop();
  parts.statusBoard.stop();
  await parts.hub.stop();
  await parts.http.stop();
  await parts.bus.stop();
  parts.closeCache();
  await parts.database.end();
}

function logBug(error: unknown): void {
  log.fatal(`a bug in an actor: ${describe(error)}`, {
    stack: error instanceof Error ? error.stack : undefined,
  });
}
