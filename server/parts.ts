/**
 * The parts of one instance, joined: which part gets what. Data goes one way: orders into the
 * writer, its commits wake the aggregator, its folds go out on the bus, and each notice that the bus
 * brings reaches the live hub.
 *
 * Tested in tests/server/two_instances_test.ts.
 */
import type { Redis } from "ioredis";
import { systemClock } from "../actors/clock.ts";
import { LANES, type OrderWriter } from "../actors/order_writer/order_writer.ts";
import type { OverflowDrainer } from "../actors/overflow_drainer/overflow_drainer.ts";
import { type Database, openDatabase } from "../sql/connection/database.ts";
import { NewestPosition } from "../sql/figures/position.ts";
import { cancelOrder } from "../sql/orders/cancellation.ts";
import { startBoard } from "./board.ts";
import type { Config } from "./config.ts";
import type { Repeating } from "./every.ts";
import { type Auditing, startAuditing } from "./figures/auditing.ts";
import { type Bus, startBus } from "./figures/bus.ts";
import { type Folding, startFolding } from "./figures/folding.ts";
import { startRetention } from "./figures/retention.ts";
import { startAuth } from "./front/keys/auth.ts";
import type { LiveHub } from "./live/live_hub.ts";
import { startHub } from "./live/start.ts";
import { watchProblems } from "./ops/problems/start.ts";
import type { ProblemWatch } from "./ops/problems/watch.ts";
import type { StatusBoard } from "./ops/status_board.ts";
import { createCancel } from "./orders/cancel.ts";
import { DeadLetters, REPLAYS_PER_SECOND } from "./orders/dead_letters.ts";
import { createIntake } from "./orders/intake.ts";
import { type JournalBacklog, startJournalBacklog } from "./orders/journal_backlog.ts";
import { type LetterCount, startLetterCount } from "./orders/letter_count.ts";
import { createOrderLookup } from "./orders/lookup.ts";
import { rateKey, type RunningRateLimit, startRateLimit } from "./orders/rate_shares.ts";
import { ShedOrders } from "./orders/shed_orders.ts";
import { createOrderStore, createRecallingStore } from "./orders/store.ts";
import { startWriter } from "./orders/writer.ts";
import { startDrainer } from "./overflow/drainer.ts";
import { type RunningOverflow, startOverflow } from "./overflow/start.ts";
import { overflowStatus } from "./overflow/status.ts";
import { snapshotKey } from "./live/snapshot_cache.ts";
import { openRedis } from "./redis/connection.ts";
import { RedisLinks } from "./redis/links.ts";
import type { Services } from "./router/context.ts";
import type { Gauges } from "./telemetry/gauges.ts";
import { Hints } from "./telemetry/hints.ts";
import { LetterLog } from "./telemetry/letter_log.ts";
import { createMetrics, type Metrics } from "./telemetry/metrics.ts";
import { createStreaks, type Streaks } from "./telemetry/streak.ts";
import { oldAfterMs, signsOf } from "./signs.ts";
import { VERSION } from "./version.ts";

export interface PartsOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  /** Null: without Redis. */
  readonly redisUrl: string | null;
}

/** Everything of an instance that runs; stop.ts stops it. */
export interface Parts extends FigureParts, OrderParts {
  readonly database: Database;
  /** For snapshots; null: without Redis. */
  readonly cacheRedis: Redis | null;
  readonly statusBoard: StatusBoard;
  readonly problems: ProblemWatch;
  readonly streaks: Streaks;
  readonly metrics: Metrics;
  /** The services that calls reach. */
  readonly services: Services;
  /** True when the writer would take an order now. */
  readonly takesOrders: () => boolean;
}

/** The parts along the journey of an order. */
interface OrderParts {
  readonly writer: OrderWriter;
  /** Null: without Redis, or switched off. */
  readonly overflow: RunningOverflow | null;
  readonly drainer: OverflowDrainer | null;
  readonly backlog: JournalBacklog;
  readonly letterCount: LetterCount;
  readonly letterLog: LetterLog;
  readonly rateLimit: RunningRateLimit;
}

/** The parts along the journey of a figure. */
interface FigureParts {
  readonly folding: Folding;
  readonly auditor: Auditing;
  readonly retention: Repeating;
  readonly bus: Bus;
  readonly hub: LiveHub;
}

/** The base that the parts of orders and the parts of figures share. */
interface Base extends PartsOptions {
  readonly instanceId: string;
  readonly metrics: Metrics;
  readonly streaks: Streaks;
  readonly shed: ShedOrders;
  readonly links: RedisLinks;
  readonly hints: Hints;
  readonly database: Database;
  readonly cacheRedis: Redis | null;
}

function openCache({ config, redisUrl }: PartsOptions, links: RedisLinks): Redis | null {
  const key = snapshotKey(config.redisPrefix, "");
  return redisUrl === null ? null : openRedis(redisUrl, "cache", { key, links });
}

/** Starts all parts but the HTTP server. */
export function startParts(options: PartsOptions): Parts {
  const { config, databaseUrl } = options;
  const { statementTimeoutMs } = config;
  const hints = new Hints(systemClock.now);
  const observers = {
    hints,
    metrics: createMetrics(hints),
    streaks: createStreaks(systemClock.now),
    shed: new ShedOrders(systemClock.now),
    links: new RedisLinks(),
  };
  const { metrics, streaks, links } = observers;
  const database = openDatabase({ url: databaseUrl, statementTimeoutMs, writeConnections: LANES });
  const cacheRedis = openCache(options, links);
  const instanceId = crypto.randomUUID();
  const base = { ...options, ...observers, instanceId, database, cacheRedis };
  const figures = startFigures(base);
  const { hub, bus, auditor, folding: { aggregator } } = figures;
  const orders = startOrders(base, () => aggregator.wake());
  const { writer, drainer, backlog, letterCount } = orders;
  const overflow = orders.overflow?.overflow ?? null;
  const gauges: Gauges = {
    writer: () => writer.status(),
    aggregator: () => aggregator.status(),
    bus: () => bus.state(),
    spill: () => overflowStatus(overflow, drainer),
    deadLetters: () => letterCount.open(),
    subscribers: () => hub.subscribers,
    auditor: () => auditor.status(),
    problems: () => problems.standing(),
  };
  const states = () => [writer.circuit, writer.intake, bus.state()].join();
  const problems = watchProblems(
    signsOf({ ...base, ...figures, pools: database, overflow, backlog, gauges }),
    {
      now: systemClock.now,
      actors: [writer, bus],
      states,
    },
  );
  metrics.watch({
    ...gauges,
    setAside: () => overflow?.setAsideOrders ?? 0,
    backlogs: () => writer.backlogs,
    journalEntries: () => backlog.signs.entries,
  });
  const { latestRule } = letterCount;
  const board = { instanceId, version: VERSION, ...gauges, latestRule };
  const statusBoard = startBoard(board, { writer, aggregator, bus, problems });
  return {
    ...figures,
    ...orders,
    database,
    cacheRedis,
    metrics,
    statusBoard,
    problems,
    streaks,
    services: {
      ...orderServices(base, orders, () => aggregator.wake()),
      hub,
      statusBoard,
      aggregate: () => aggregator.run(),
      audit: (buckets) => auditor.run(buckets),
    },
    takesOrders: () =>
      writer.intake === "accepting" &&
      (writer.circuit !== "open" || overflow?.isReady() === true),
  };
}

function startFigures(base: Base): FigureParts {
  const { config, databaseUrl, redisUrl, database, metrics, streaks, links, hints } = base;
  const newest = new NewestPosition();
  const hub = startHub(base, newest, oldAfterMs(config));
  const bus = startBus({
    databaseUrl: config.directDatabaseUrl ?? databaseUrl,
    pool: database.read,
    hints,
    redisUrl,
    redisPrefix: config.redisPrefix,
    links,
    onNotice: (notice) => hub.notice(notice),
  });
  return {
    hub,
    bus,
    folding: startFolding({ ...base, streak: streaks.folds, newest, publish: bus.publish }),
    auditor: startAuditing({ database, metrics, streak: streaks.audits }),
    retention: startRetention(database, hints),
  };
}

/** @param onCommitted called after each commit that changes a figure. */
function startOrders(base: Base, onCommitted: () => void): OrderParts {
  const { config, redisUrl, database, instanceId, metrics, streaks, links, hints } = base;
  const { rate, redisPrefix: prefix } = config;
  const running = redisUrl === null ? null : startOverflow(config, redisUrl, hints, links);
  const overflow = running?.overflow ?? null;
  const letterLog = new LetterLog();
  const writer = startWriter({
    config,
    store: overflow === null
      ? createOrderStore(database.write, letterLog.tell)
      : createRecallingStore(
        database.write,
        { recall: (orderIds) => overflow.recall(orderIds), onRecalled: onCommitted },
        letterLog.tell,
      ),
    overflow,
    metrics,
    streak: streaks.batches,
    onCommitted,
    onClosed: () => drainer?.wake(),
  });
  const drainer = overflow === null ? null : startDrainer({
    overflow,
    database,
    instanceId,
    statementTimeoutMs: config.statementTimeoutMs,
    mayDrain: () => writer.circuit === "closed" && !backlog.isFull,
    streak: streaks.drains,
    onDrained: onCommitted,
    hints,
    onParked: letterLog.tell,
  });
  const { now } = systemClock;
  const backlog = startJournalBacklog(database.read, config.journalMaxEntries, now, hints);
  const letterCount = startLetterCount(database.read, hints);
  const rateLimit = startRateLimit({
    rate,
    openRedis: () =>
      redisUrl === null ? null : openRedis(redisUrl, "rate", { key: rateKey(prefix), links }),
    prefix,
    instanceId,
    hints,
    now: systemClock.now,
  });
  return { overflow: running, writer, drainer, letterCount, backlog, letterLog, rateLimit };
}

function orderServices(
  { config, database, metrics, streaks, shed }: Base,
  { writer, overflow, backlog, rateLimit }: OrderParts,
  onCancelled: () => void,
): Pick<Services, "auth" | "intake" | "rateLimit" | "orders" | "deadLetters"> {
  const intake = createIntake(writer, metrics, (reason) => shed.add(reason), backlog);
  const { place } = intake;
  const lookup = createOrderLookup(database.read, overflow?.overflow ?? null);
  return {
    auth: startAuth({
      database,
      streak: streaks.keyLookups,
      devKey: config.devKey,
      tokenMaxSeconds: config.tokenMaxSeconds,
      onLookUp: (outcome, tokens) => metrics.keyLookUps.add(tokens, { outcome }),
    }),
    intake,
    rateLimit,
    orders: {
      ...lookup,
      cancel: createCancel({
        attempt: (call) => writer.attempt(call),
        mark: (order) => database.cancel.run((sql) => cancelOrder(sql, order)),
        find: lookup.find,
        onCancelled,
      }),
    },
    deadLetters: new DeadLetters({
      pool: database.read,
      place,
      replaysPerSecond: REPLAYS_PER_SECOND,
    }),
  };
}
