/**
 * The overflow in Redis: orders wait here while the database is out.
 *
 * It is used only while Redis proves that it keeps every write. Redis is asked on each new connection
 * and every few seconds; a Redis with replicas is asked at each write too. Nothing is ever trimmed:
 * an order leaves by being committed, or by becoming a dead letter.
 */
import type { Redis } from "ioredis";
import {
  type Overflow,
  OverflowUnreachable,
  type SpillResult,
} from "../../actors/order_writer/group_spill.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { describe } from "../telemetry/log.ts";
import { settlesWithin } from "../../sql/waiting.ts";
import {
  type Entry,
  type OverflowEntry,
  recordOf,
  resultOf,
  spilledOf,
  textOf,
} from "./entries.ts";
import type { OverflowRecord } from "./recall.ts";
import { checkDurability, confirmWrite, type Durability, Unconfirmed } from "./durability.ts";
import { DRAINERS, ENTRY_FORMAT, JOIN, overflowKeys, REMOVE, WRITE } from "./scripts.ts";

export type OverflowMode = "auto" | "trust" | "off";

export interface RedisOverflowOptions {
  /** A connection of its own, which fails at once while Redis is away. */
  readonly redis: Redis;
  readonly prefix: string;
  /** Default: the keys of `prefix`. */
  readonly keys?: ReturnType<typeof overflowKeys>;
  readonly mode: OverflowMode;
  readonly maxOrders: number;
  readonly maxBytes: number;
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
const TRUSTED: Durability = { problem: null, needsReplica: false };

export class RedisOverflow implements Overflow {
  readonly #keys: ReturnType<typeof overflowKeys>;
  #state: "ready" | "not_durable" | "unavailable" = "unavailable";
  #level: OverflowLevel = { orders: 0, oldestAgeMs: null };
  #signs: OverflowSigns = { reason: NOT_ASKED, bytes: 0, fullAt: null, clockAheadMs: null };
  #needsReplica = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #looking: Promise<void> | null = null;

  constructor(readonly options: RedisOverflowOptions) {
    this.#keys = options.keys ?? overflowKeys(options.prefix);
  }

  get state(): "ready" | "not_durable" | "unavailable" {
    return this.#state;
  }

  /** The orders here at the latest look. */
  get level(): OverflowLevel {
    return this.#level;
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
      redis.eval(WRITE, 3, stream, records, bytes, ...bounds, ...args) as Promise<string[]>,
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
    if (this.#level.orders === 0 || this.#state === "unavailable") return nothing;
    const reading = this.records(orderIds).catch(() => nothing);
    return await settlesWithin(RECALL_MS, reading) ? await reading : nothing;
  }

  /**
   * The records of these orders, by order id. Empty when the latest look found no orders.
   * @throws what the client throws.
   */
  async records(orderIds: readonly string[]): Promise<ReadonlyMap<string, OverflowRecord>> {
    if (this.#level.orders === 0 || orderIds.length === 0) return new Map();
    const records = await this.options.redis.hmget(this.#keys.records, ...orderIds);
    return new Map(orderIds.flatMap((orderId, index) => {
      const record = recordOf(records[index] ?? null);
      return record === null ? [] : [[orderId, record]];
    }));
  }

  /**
   * The order with this id, if it waits here.
   * @throws OverflowUnreachable, at once, while Redis is away, else what the client throws.
   */
  async find(orderId: string): Promise<NewOrder | null> {
    if (this.#state === "unavailable") throw new OverflowUnreachable("Redis is away");
    const record = await this.options.redis.hget(this.#keys.records, orderId);
    const [, entryId] = /^(\S+) /.exec(record ?? "") ?? [];
    if (entryId === undefined) return null;
    const entries = await this.options.redis.xrange(this.#keys.stream, entryId, entryId);
    return entries.map(spilledOf).find((spilled) => spilled !== null)?.order ?? null;
  }

  /**
   * The next orders for `consumer`: first those that it has taken and not removed, then those that
   * another consumer left for `idleMs`, then new ones. @throws what the client throws.
   */
  async take(consumer: string, count: number, idleMs: number): Promise<OverflowEntry[]> {
    try {
      return await this.#next(consumer, count, idleMs);
    } catch (error) {
      // The group is not there: nothing was spilled before, or Redis was emptied.
      if (!isNoGroup(error)) throw error;
      await this.options.redis.eval(JOIN, 1, this.#keys.stream, DRAINERS);
      return await this.#next(consumer, count, idleMs);
    }
  }

  /** Removes orders that are committed, or have become dead letters. */
  async remove(orders: readonly OverflowEntry[]): Promise<void> {
    const { stream, records, bytes } = this.#keys;
    const args = orders.flatMap(({ entryId, order, bytes }) => [entryId, order.orderId, bytes]);
    await this.options.redis.eval(REMOVE, 3, stream, records, bytes, DRAINERS, ...args);
  }

  async #next(consumer: string, count: number, idleMs: number): Promise<OverflowEntry[]> {
    const { redis } = this.options;
    const { stream } = this.#keys;
    const own = await this.#own(consumer, count);
    if (own.length > 0) return own;
    const [, claimed] = await redis.xautoclaim(
      stream,
      DRAINERS,
      consumer,
      idleMs,
      "0",
      "COUNT",
      count,
    ) as [string, Entry[]];
    const left = claimed.map(spilledOf).filter((spilled) => spilled !== null);
    return left.length > 0 ? left : await this.#readNew(consumer, count);
  }

  /**
   * The orders that `consumer` has taken and not removed. Read with XPENDING and XRANGE, not with
   * XREADGROUP: a new delivery would reset the idle time, and an instance that keeps failing would
   * never lose its entries to others.
   */
  async #own(consumer: string, count: number): Promise<OverflowEntry[]> {
    const { redis } = this.options;
    const { stream } = this.#keys;
    const pending = await redis.xpending(stream, DRAINERS, "-", "+", count, consumer) as [string][];
    const ids = new Set(pending.map(([entryId]) => entryId));
    const [first] = ids;
    if (first === undefined) return [];
    const entries = await redis.xrange(stream, first, [...ids].at(-1)!);
    return entries.filter(([entryId]) => ids.has(entryId)).map(spilledOf)
      .filter((spilled) => spilled !== null);
  }

  async #readNew(consumer: string, count: number): Promise<OverflowEntry[]> {
    const answer = await this.options.redis.xreadgroup(
      "GROUP",
      DRAINERS,
      consumer,
      "COUNT",
      count,
      "STREAMS",
      this.#keys.stream,
      ">",
    ) as [string, Entry[]][] | null;
    const [[, entries] = ["", []]] = answer ?? [];
    return entries.map(spilledOf).filter((spilled) => spilled !== null);
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
      const { problem, needsReplica } = mode === "auto"
        ? await checkDurability(redis, this.#keys.bytes)
        : TRUSTED;
      const level = await this.#measure();
      this.#needsReplica = needsReplica;
      if (problem === null) {
        this.#note({ reason: "" });
        this.#state = "ready";
      } else this.#distrust(problem);
      this.#level = level;
    } catch (error) {
      this.#note({ reason: describe(error) });
      this.#state = "unavailable";
    }
  }

  async #measure(): Promise<OverflowLevel> {
    const { redis } = this.options;
    const orders = await redis.xlen(this.#keys.stream);
    const [seconds] = await redis.time() as unknown as [string, string];
    const now = Number(seconds) * 1_000;
    this.#note({
      bytes: Number(await redis.get(this.#keys.bytes) ?? 0),
      clockAheadMs: now - performance.now(),
    });
    if (orders === 0) return { orders, oldestAgeMs: null };
    const [oldest] = await redis.xrange(this.#keys.stream, "-", "+", "COUNT", 1);
    const age = now - Number(oldest?.[0].split("-")[0] ?? NaN);
    return { orders, oldestAgeMs: Number.isNaN(age) ? null : Math.max(0, age) };
  }
}

/** The code that Redis begins its answer with. */
function isNoGroup(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOGROUP ");
}
