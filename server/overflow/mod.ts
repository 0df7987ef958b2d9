/**
 * The overflow of one instance: the buffer in Redis, and the drainer that brings orders back.
 */
import type { OverflowStatus } from "../../client/contract/ops_status.ts";
import { systemClock } from "../../actors/clock.ts";
import {
  createSpillDrainer,
  type SpillDrainer,
} from "../../actors/overflow_drainer/overflow_drainer.ts";
import type { OverflowBuffer } from "../../actors/order_writer/group_spill.ts";
import { commitBatch } from "../../sql/orders/batch.ts";
import type { Database } from "../../sql/connection/database.ts";
import { parkOrder } from "../../sql/orders/dead_letters.ts";
import { closeRedis, openRedis } from "../redis/connection.ts";
import type { Config } from "../config.ts";
import type { OrderBuffer } from "../orders/lookup.ts";
import { describe, getLogger } from "../telemetry/log.ts";
import { Spill } from "./redis_overflow.ts";

const log = getLogger(["weir", "spill"]);

/** Orders in one batch of the drain. */
const DRAIN_ORDERS = 500;
/** What another instance took is its own for this much longer than a statement may take. */
const TAKEOVER_MARGIN_MS = 1_000;

export interface Overflow {
  readonly buffer: OverflowBuffer & OrderBuffer & Pick<Spill, "recall">;
  status(): OverflowStatus;
  /** Starts draining, once the writer is there to say when. */
  startDrainer(hooks: DrainHooks): void;
  /** Says that the database takes orders again. */
  wake(): void;
  stop(): Promise<void>;
}

export interface DrainHooks {
  readonly mayDrain: () => boolean;
  readonly onDrained: (newOrders: number) => void;
}

export interface OverflowOptions {
  readonly config: Config;
  readonly redisUrl: string;
  readonly database: Database;
  readonly instanceId: string;
}

/** Opens the buffer; null where it is not wanted. */
export function openOverflow(options: OverflowOptions): Overflow | null {
  const { config, redisUrl } = options;
  if (config.spillMode === "off") return null;
  const redis = openRedis(redisUrl, "spill");
  const spill = new Spill({
    redis,
    prefix: config.redisPrefix,
    mode: config.spillMode,
    maxOrders: config.spillMaxOrders,
    maxBytes: config.spillMaxBytes,
  });
  spill.start();
  let drainer: SpillDrainer | null = null;
  return {
    buffer: spill,
    status: () => {
      const isDraining = drainer?.state === "draining" && spill.level.orders > 0;
      return { state: isDraining ? "draining" : spill.state, ...spill.level };
    },
    startDrainer: (hooks) => {
      drainer = startDrainer(options, spill, hooks);
    },
    wake: () => drainer?.wake(),
    stop: async () => {
      await drainer?.stop();
      await spill.stop();
      await closeRedis(redis);
    },
  };
}

function startDrainer(
  { config, database, instanceId }: OverflowOptions,
  spill: Spill,
  hooks: DrainHooks,
): SpillDrainer {
  const takeoverMs = config.statementTimeoutMs + TAKEOVER_MARGIN_MS;
  return createSpillDrainer({
    source: {
      take: () => spill.take(instanceId, DRAIN_ORDERS, takeoverMs),
      remove: (orders) => spill.remove(orders),
    },
    store: {
      commit: (orders) => database.drain.run((sql) => commitBatch(sql, orders)),
      park: (order, reason, code) =>
        database.drain.run((sql) => parkOrder(sql, order, reason, code)),
    },
    maxBatchOrders: DRAIN_ORDERS,
    mayDrain: () => spill.state !== "unavailable" && hooks.mayDrain(),
    clock: systemClock,
    random: Math.random,
    onDrained: ({ drained, newOrders, parked }) => {
      if (drained > 0) log.info(`drained ${drained} orders`, { drained, newOrders, parked });
      if (newOrders > 0) hooks.onDrained(newOrders);
    },
    onFailed: (error) => log.warn(`the overflow waits: ${describe(error)}`),
    onBug: (error) => log.fatal(`a bug in the drainer: ${describe(error)}`),
  });
}
