/**
 * The parts of one instance, wired together: which part gets what. Data goes one way: orders into
 * the writer, its commits wake the aggregator, its folds go out on the bus, and what the bus brings
 * reaches the live hub.
 */
import type { Redis } from "ioredis";
import type { Aggregator } from "../actors/aggregator/aggregator.ts";
import { systemClock } from "../actors/clock.ts";
import { createOrderWriter, LANES, type OrderWriter } from "../actors/order_writer/order_writer.ts";
import { findApiKey } from "../sql/api_keys.ts";
import { readStored } from "../sql/orders/batch.ts";
import { type Database, openDatabase } from "../sql/connection/database.ts";
import { countOpenLetters } from "../sql/orders/dead_letters.ts";
import { NewestPosition } from "../sql/figures/position.ts";
import { readFigures, readNewest } from "../sql/figures/snapshots.ts";
import { createAuth } from "./front/auth.ts";
import { type Bus, startBus } from "./figures/bus.ts";
import { closeRedis, openRedis } from "./redis/connection.ts";
import type { Config } from "./config.ts";
import { DeadLetters, REPLAYS_PER_SECOND } from "./orders/dead_letters.ts";
import { startFolding } from "./figures/folding.ts";
import type { InstanceOptions } from "./instance.ts";
import { createIntake } from "./orders/intake.ts";
import { LiveHub } from "./live/live_hub.ts";
import { createSnapshotCache, NO_CACHE } from "./live/snapshot_cache.ts";
import { Polled } from "./ops/polled.ts";
import { createCancel } from "./orders/cancel.ts";
import { createOrderLookup } from "./orders/lookup.ts";
import { orderStoreOn } from "./orders/store.ts";
import { commitRecalling } from "./overflow/recall.ts";
import { openOverflow, type Overflow } from "./overflow/mod.ts";
import { cancelOrder } from "../sql/orders/cancellation.ts";
import type { Services } from "./router/context.ts";
import {
  createStatusBoard,
  type StatusBoard,
  type StatusBoardOptions,
} from "./ops/status_board.ts";
import { describe, getLogger } from "./telemetry/log.ts";
import { createMetrics, type Metrics } from "./telemetry/metrics.ts";
import { VERSION } from "./version.ts";

const log = getLogger(["weir"]);

const COUNT_LETTERS_EVERY_MS = 2_000;

const NO_OVERFLOW = { state: "unavailable", orders: 0, oldestAgeMs: null } as const;

export interface Parts {
  readonly writer: OrderWriter;
  readonly aggregator: Aggregator;
  readonly bus: Bus;
  readonly hub: LiveHub;
  /** Null: without Redis, or not wanted. */
  readonly overflow: Overflow | null;
  readonly metrics: Metrics;
  /** What calls reach. */
  readonly services: Services;
  /** True when the writer would take an order now. */
  readonly takesOrders: () => boolean;
  readonly closeConnections: () => Promise<void>;
  /** Ends every connection to the database at once, whatever is under way on it. */
  readonly cutConnections: () => void;
}

/** Makes and starts all parts but the server. */
export function assembleParts({ config, databaseUrl, redisUrl }: InstanceOptions): Parts {
  const metrics = createMetrics();
  const database = openDatabase({
    url: databaseUrl,
    statementTimeoutMs: config.statementTimeoutMs,
    writeConnections: LANES,
  });
  const redis = redisUrl === null ? null : openRedis(redisUrl, "cache");
  const newest = new NewestPosition();
  const hub = createHub({ config, database, redis, metrics, newest });
  const bus = startBus({
    databaseUrl,
    pool: database.read,
    redisUrl,
    redisPrefix: config.redisPrefix,
    onNotice: (notice) => hub.notice(notice),
  });
  const instanceId = crypto.randomUUID();
  const { publish } = bus;
  const folding = startFolding({ config, database, instanceId, metrics, newest, publish });
  const { aggregator, auditor } = folding;
  const overflow = redisUrl === null
    ? null
    : openOverflow({ config, redisUrl, database, instanceId });
  const writer = startWriter({ config, database, aggregator, overflow, metrics });
  overflow?.startDrainer({
    mayDrain: () => writer.circuit === "closed",
    onDrained: () => aggregator.wake(),
  });
  hub.start();
  const letters = new Polled(() => countOpenLetters(database.read), 0, COUNT_LETTERS_EVERY_MS);
  const gauges = {
    writer: () => writer.status(),
    aggregator: () => aggregator.status(),
    bus: bus.state,
    spill: () => overflow?.status() ?? NO_OVERFLOW,
    deadLetters: () => letters.value,
    subscribers: () => hub.subscribers,
  };
  metrics.watch(gauges);
  const statusBoard = createBoard(instanceId, gauges, { writer, aggregator, bus });
  return {
    writer,
    aggregator,
    bus,
    hub,
    overflow,
    metrics,
    services: {
      ...orderServices({ config, database, overflow, aggregator, metrics }, writer),
      hub,
      statusBoard,
      aggregate: () => aggregator.run(),
      audit: (buckets) => auditor.run(buckets),
    },
    takesOrders: () =>
      writer.intake === "accepting" &&
      (writer.circuit !== "open" || overflow?.buffer.isReady() === true),
    cutConnections: () => void database.cut(),
    closeConnections: async () => {
      await Promise.all([letters.stop(), folding.stop()]);
      await Promise.all([redis === null ? undefined : closeRedis(redis), database.end()]);
    },
  };
}

type Gauges = Omit<StatusBoardOptions, "instanceId" | "version" | "states">;

function createBoard(
  instanceId: string,
  gauges: Gauges,
  { writer, aggregator, bus }: Pick<Parts, "writer" | "aggregator" | "bus">,
): StatusBoard {
  const states = () =>
    [writer.circuit, writer.intake, aggregator.state, bus.state(), gauges.spill().state].join();
  return createStatusBoard(
    { instanceId, version: VERSION, ...gauges, states },
    [writer, aggregator, bus],
  );
}

/** What reads the database, and what goes into it by the intake. */
function orderServices(
  { config, database, overflow, aggregator, metrics }: WriterParts,
  writer: OrderWriter,
): Pick<Services, "auth" | "intake" | "orders" | "deadLetters"> {
  const { read: pool } = database;
  const intake = createIntake(writer, metrics);
  const { place } = intake;
  const lookup = createOrderLookup(pool, overflow?.buffer ?? null);
  return {
    auth: createAuth({
      findKey: (token) => findApiKey(database.keys, token),
      devKey: config.devKey,
      now: systemClock.now,
    }),
    intake,
    orders: {
      ...lookup,
      cancel: createCancel({
        attempt: (call) => writer.attempt(call),
        mark: (order) => database.cancel.run((sql) => cancelOrder(sql, order)),
        find: lookup.find,
        onCancelled: () => aggregator.wake(),
      }),
    },
    deadLetters: new DeadLetters({ pool, place, replaysPerSecond: REPLAYS_PER_SECOND }),
  };
}

interface HubParts {
  readonly config: Config;
  readonly database: Database;
  readonly redis: Redis | null;
  readonly metrics: Metrics;
  readonly newest: NewestPosition;
}

function createHub({ config, database, redis, metrics, newest }: HubParts): LiveHub {
  return new LiveHub({
    readFigures: (scope) => readFigures(database.live, scope),
    readNewest: async () => {
      const position = await readNewest(database.read);
      newest.see(position);
      return position;
    },
    cache: redis === null ? NO_CACHE : createSnapshotCache(redis, config.redisPrefix),
    now: systemClock.now,
    onSkippedFrame: () => metrics.skippedFrames.inc(),
    onFrame: (freshnessMs) => metrics.freshnessSeconds.observe(freshnessMs / 1_000),
  });
}

interface WriterParts {
  readonly config: Config;
  readonly database: Database;
  readonly aggregator: Aggregator;
  readonly overflow: Overflow | null;
  readonly metrics: Metrics;
}

function startWriter({ config, database, aggregator, overflow, metrics }: WriterParts) {
  const store = orderStoreOn(database.write);
  const writer = createOrderWriter({
    store: overflow === null ? store : {
      ...store,
      commit: commitRecalling({
        commit: store.commit,
        read: (orders) => database.write.run((sql) => readStored(sql, orders)),
        recall: (orderIds) => overflow.buffer.recall(orderIds),
        onRecalled: () => aggregator.wake(),
      }),
    },
    buffer: overflow?.buffer ?? null,
    maxOrders: config.queueMaxOrders,
    maxBytes: config.queueMaxBytes,
    maxBatchOrders: config.batchMaxOrders,
    statementTimeoutMs: config.statementTimeoutMs,
    clock: systemClock,
    random: Math.random,
    onBatch: (report) => {
      metrics.batchOrders.observe(report.orders);
      metrics.commitSeconds.observe(report.commitMs / 1_000);
      const { failure } = report;
      if (failure !== null) log.info(`a batch failed: ${failure.code}`, { ...failure });
      if (report.newOrders > 0) aggregator.wake();
    },
    onBug: (error) => log.fatal(`a bug in the order writer: ${describe(error)}`),
  });
  let before = writer.circuit;
  writer.onChange(() => {
    const { circuit } = writer;
    if (circuit === before || circuit === "half_open") return;
    tellCircuit(writer, overflow);
    if (circuit === "closed") overflow?.wake();
    before = circuit;
  });
  return writer;
}

/** The two lines of an outage that everybody wants to see. */
function tellCircuit(writer: OrderWriter, overflow: Overflow | null): void {
  if (writer.circuit === "closed") return log.warn("the database takes orders again");
  const { lastError } = writer.status();
  const isSpilling = overflow?.buffer.isReady() === true;
  const fate = isSpilling ? "go into the overflow buffer" : "are refused";
  log.warn(`the database is out (${lastError}): orders ${fate} until it is back`);
}
