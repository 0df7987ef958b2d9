/**
 * The overflow in Redis: orders wait here while the database is out.
 *
 * It is used only while Redis proves that it keeps every write. Redis is asked on each new connection
 * and every few seconds; a Redis with replicas is asked at each write too. Nothing is ever trimmed:
 * an order leaves by being committed, or by becoming a dead letter (drain_queue.ts).
 */
import type { Redis } from "ioredis";
import {
  type Overflow,
  OverflowUnreachable,
  type SpillResult,
} from "../../actors/order_writer/group_spill.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { iso } from "../../sql/time.ts";
import { storedNothing } from "../redis/connection.ts";
import type { Hints } from "../telemetry/hints.ts";
import { describe } from "../telemetry/log.ts";
import { settlesWithin } from "../../sql/waiting.ts";
import type { OverflowRecord } from "./recall.ts";
import { checkDurability, confirmWrite, type Durability, Unconfirmed } from "./durability.ts";
import { DrainQueue } from "./drain_queue.ts";
import { textOf } from "./entries.ts";
import { ENTRY_FORMAT, overflowKeys, TOUCH, WRITE } from "./scripts.ts";

export type OverflowMode = "auto" | "trust" | "off";

export interface RedisOverflowOptions {
  /** A connection of its own, which fails at once while Redis is away. */
  readonly redis: Redis;
  readonly prefix: string;
  readonly mode: OverflowMode;
  readonly maxOrders: number;
  readonly maxBytes: number;
  readonly hints: Hints;
  /** True where sentinels may promote a replica, also one that this master does not see any more. */
  readonly hasReplicas?: boolean;
  /** Called once, when Redis was looked at for the first time. @param problem null: it is trusted */
  readonly onFirstLook?: (problem: string | null) => void;
}

export interface OverflowLevel {
  readonly orders: number;
  readonly oldestAgeMs: number | null;
}

/** The overflow at the latest look, for operators. */
export interface OverflowSigns {
  /** Why it takes no orders; empty: it takes them. */
  readonly reason: string;
  readonly bytes: number;
  /** When it last turned an order away because it was full, monotonic; null: never. */
  readonly fullAt: number | null;
  /** The time of Redis less the monotonic one, milliseconds; null: not known. */
  readonly clockAheadMs: number | null;
}

const CHECK_EVERY_MS = 2_000;
/** A commit waits this long to hear whether its orders are here. */
const RECALL_MS = 100;
const NOT_ASKED = "Redis has not answered yet";
/** The result for a Redis that is trusted without being asked. */
const TRUSTED: Durability = { problem: null, needsReplica: false, isPrimary: true };

export class RedisOverflow implements Overflow {
  readonly #keys: ReturnType<typeof overflowKeys>;
  /** The orders here as the drainers take them. */
  readonly queue: DrainQueue;
  #state: "ready" | "not_durable" | "unavailable" = "unavailable";
  #level: OverflowLevel = { orders: 0, oldestAgeMs: null };
  #setAside = 0;
  #signs: OverflowSigns = { reason: NOT_ASKED, bytes: 0, fullAt: null, clockAheadMs: null };
  #needsReplica = false;
  #isIntroduced = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #looking: Promise<void> | null = null;
  /** The time of the latest new connection because this Redis is a replica. */
  #anewAt = -Infinity;

  constructor(readonly options: RedisOverflowOptions) {
    this.#keys = overflowKeys(options.prefix);
    this.queue = new DrainQueue(options.redis, this.#keys);
  }

  get state(): "ready" | "not_durable" | "unavailable" {
    return this.#state;
  }

  /** The orders here at the latest look. */
  get level(): OverflowLevel {
    return this.#level;
  }

  /** How many of them are set aside, at the latest look. */
  get setAside(): number {
    return this.#setAside;
  }

  get signs(): OverflowSigns {
    return this.#signs;
  }

  /** Starts looking at Redis. */
  start(): void {
    const { redis } = this.options;
    redis.on("ready", this.#check);
    redis.on("close", this.#lost);
    this.#timer = setInterval(this.#check, CHECK_EVERY_MS);
    if (redis.status === "ready") this.#check();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.options.redis.off("ready", this.#check);
    this.options.redis.off("close", this.#lost);
    await this.#looking;
    this.#state = "unavailable";
  }

  isReady(): boolean {
    return this.#state === "ready";
  }

  async write(orders: readonly NewOrder[]): Promise<ReadonlyMap<string, SpillResult>> {
    const { redis, mode, maxOrders, maxBytes } = this.options;
    if (!this.isReady() || redis.status !== "ready") {
      throw new OverflowUnreachable("Redis is away, or does not keep what it is given");
    }
    const args = orders.flatMap((order) => [order.orderId, order.contentHash, textOf(order)]);
    const { stream, records, bytes } = this.#keys;
    const bounds = [maxOrders, maxBytes, ENTRY_FORMAT];
    const [answers] = await Promise.all([
      redis.eval(WRITE, 3, stream, records, bytes, ...bounds, ...args).catch(
        unreachable,
      ) as Promise<
        string[]
      >,
      mode === "auto" ? confirmWrite(redis, this.#needsReplica) : null,
    ]).catch((error: unknown) => {
      // The next look finds out whether Redis is back; until then no order waits for it.
      if (error instanceof Unconfirmed) this.#distrust(error.message);
      else this.#lost();
      throw error;
    });
    this.#level = { ...this.#level, orders: this.#level.orders + orders.length };
    if (answers.includes("full")) this.#note({ fullAt: performance.now() });
    return new Map(orders.map(({ orderId }, index) => [orderId, resultOf(answers[index])]));
  }

  /**
   * The records of these orders, by order id. Empty when the latest look found no orders, and when
   * Redis does not answer at once: Redis must slow no order.
   */
  async recall(orderIds: readonly string[]): Promise<ReadonlyMap<string, OverflowRecord>> {
    const nothing = new Map<string, OverflowRecord>();
    if (this.#level.orders === 0 || this.#state === "unavailable" || orderIds.length === 0) {
      return nothing;
    }
    const reading = this.queue.records(orderIds).catch(() => nothing);
    return await settlesWithin(RECALL_MS, reading) ? await reading : nothing;
  }

  /**
   * The order with this id, if it waits here.
   * @throws OverflowUnreachable, at once, while Redis is away, else what the client throws.
   */
  async find(orderId: string): Promise<NewOrder | null> {
    if (this.#state === "unavailable") throw new OverflowUnreachable("Redis is away");
    return await this.queue.find(orderId);
  }

  readonly #lost = (): void => {
    if (this.#state !== "unavailable") this.#note({ reason: "the connection to Redis is lost" });
    this.#state = "unavailable";
  };

  #distrust(problem: string): void {
    this.#note({ reason: problem });
    this.#state = "not_durable";
  }

  #note(signs: Partial<OverflowSigns>): void {
    this.#signs = { ...this.#signs, ...signs };
  }

  readonly #check = (): void => {
    this.#looking ??= this.#look().finally(() => this.#looking = null);
  };

  async #look(): Promise<void> {
    const { redis, mode } = this.options;
    try {
      const { problem, needsReplica, isPrimary } = mode === "auto"
        ? await checkDurability(redis, this.#keys.bytes, this.options.hasReplicas)
        : TRUSTED;
      // A Redis that is trusted must take a write all the same: it may have become a replica.
      if (mode === "trust") await redis.eval(TOUCH, 1, this.#keys.bytes);
      const level = await this.#measure();
      this.#needsReplica = needsReplica;
      if (problem === null) {
        this.#note({ reason: "" });
        this.#state = "ready";
      } else this.#distrust(problem);
      this.#level = level;
      if (!this.#isIntroduced) this.options.onFirstLook?.(problem);
      this.#isIntroduced = true;
      if (!isPrimary) this.#connectAnew();
    } catch (error) {
      this.#note({ reason: describe(error) });
      this.#state = "unavailable";
    }
  }

  /** The address may lead to the new primary by now. Each new connection is looked at at once. */
  #connectAnew(): void {
    const { redis } = this.options;
    if (redis.status !== "ready" || performance.now() - this.#anewAt < CHECK_EVERY_MS) return;
    this.#anewAt = performance.now();
    redis.disconnect(true);
  }

  async #measure(): Promise<OverflowLevel> {
    const { redis, hints } = this.options;
    const orders = await redis.xlen(this.#keys.stream);
    await hints.run("overflow age", async () => {
      const bytes = Number(await redis.get(this.#keys.bytes) ?? 0);
      const [seconds] = await redis.time() as unknown as [string, string];
      this.#note({ bytes, clockAheadMs: Number(seconds) * 1_000 - performance.now() });
    });
    if (orders === 0) {
      this.#setAside = 0;
      return { orders, oldestAgeMs: null };
    }
    const measured = await hints.run("overflow age", async () => ({
      setAside: await this.queue.countAside(),
      oldestAgeMs: await this.queue.oldestAgeMs(),
    }));
    this.#setAside = measured?.setAside ?? this.#setAside;
    return { orders, oldestAgeMs: measured?.oldestAgeMs ?? null };
  }
}

/** Throws OverflowUnreachable for an answer that shows that nothing was written. */
function unreachable(error: unknown): never {
  throw storedNothing(error) ? new OverflowUnreachable(describe(error)) : error;
}

function resultOf(answer: string | undefined): SpillResult {
  const [, isNew, ms, contentHash] = /^([01]) (\d+) ([0-9a-f]+)$/.exec(answer ?? "") ?? [];
  if (ms === undefined || contentHash === undefined) return { outcome: "full" };
  return { outcome: "spilled", isNew: isNew === "1", contentHash, placedAt: iso(Number(ms)) };
}
