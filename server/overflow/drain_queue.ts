/**
 * The overflow as the drainers see it: which orders come next, which are done, and which are set
 * aside because they cannot be drained now.
 *
 * All instances share one consumer group. An order that was taken belongs to its instance until it
 * is removed, or until another instance takes it over. An order that is set aside belongs to the
 * consumer `ASIDE`, stays in the stream with its record, and comes again after a time that doubles
 * with each try. So it never stands before the others, and it is never lost.
 */
import type { Redis } from "ioredis";
import { getLogger } from "../telemetry/log.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { entryOf, type OverflowEntry, recordOf, type StreamEntry } from "./entries.ts";
import type { OverflowRecord } from "./recall.ts";
import { DRAINERS, JOIN, type overflowKeys, REMOVE } from "./scripts.ts";

const log = getLogger(["weir", "overflow"]);

/** The owner of the orders that are set aside. Instances have UUIDs as names. */
const ASIDE = "set-aside";
/** An order comes again this long after it was set aside first. Each try doubles the time. */
const ASIDE_FIRST_MS = 1_000;
const ASIDE_MOST_MS = 60_000;
/** Orders set aside that one look considers, and that come again together. */
const ASIDE_AT_ONCE = 100;
/** Pages of taken orders that one look for a takeover reads. The next look goes on from there. */
const TAKEOVER_PAGES = 4;

/** A taken order: its entry, its owner, the time since it was taken, and how often it was. */
type Pending = [entryId: string, owner: string, idleMs: number, tries: number];

/** The queue of one overflow. */
export class DrainQueue {
  /** The looks over all taken orders go on from here, and begin again after the last one. */
  #takeoverFrom = "-";
  #asideFrom = "-";

  constructor(readonly redis: Redis, readonly keys: ReturnType<typeof overflowKeys>) {}

  /**
   * The next orders for `consumer`: those that it has taken and not removed, then those that another
   * consumer left for `idleMs`, then new ones. Where there are none, those set aside whose time has
   * come. New ones join those that failed before, so that a few that fail keep no other waiting.
   * @throws what the client throws
   */
  async take(consumer: string, count: number, idleMs: number): Promise<OverflowEntry[]> {
    try {
      return await this.#next(consumer, count, idleMs);
    } catch (error) {
      // The group is not there: nothing was spilled before, or Redis was emptied.
      if (!isNoGroup(error)) throw error;
      await this.redis.eval(JOIN, 1, this.keys.stream, DRAINERS);
      return await this.#next(consumer, count, idleMs);
    }
  }

  /** Removes orders that are committed, or have become dead letters. */
  async remove(orders: readonly OverflowEntry[]): Promise<void> {
    const { stream, records, bytes } = this.keys;
    const args = orders.flatMap(({ entryId, order, bytes }) => [entryId, order.orderId, bytes]);
    await this.redis.eval(REMOVE, 3, stream, records, bytes, DRAINERS, ...args);
  }

  /** The records of these orders, by order id. @throws what the client throws */
  async records(orderIds: readonly string[]): Promise<ReadonlyMap<string, OverflowRecord>> {
    if (orderIds.length === 0) return new Map();
    const records = await this.redis.hmget(this.keys.records, ...orderIds);
    return new Map(orderIds.flatMap((orderId, index) => {
      const record = recordOf(records[index] ?? null);
      return record === null ? [] : [[orderId, record]];
    }));
  }

  /** The order with this id; null when it does not wait here. @throws what the client throws */
  async find(orderId: string): Promise<NewOrder | null> {
    const record = await this.redis.hget(this.keys.records, orderId);
    const [, entryId] = /^(\S+) /.exec(record ?? "") ?? [];
    if (entryId === undefined) return null;
    const entries = await this.redis.xrange(this.keys.stream, entryId, entryId);
    return entries.map((entry) => entryOf(entry)).find((entry) => entry !== null)?.order ?? null;
  }

  /** The age of the first entry; null: it is not known. @throws what the client throws */
  async oldestAgeMs(): Promise<number | null> {
    const [oldest] = await this.redis.xrange(this.keys.stream, "-", "+", "COUNT", 1);
    const [seconds] = await this.redis.time() as unknown as [string, string];
    const age = Number(seconds) * 1_000 - Number(oldest?.[0].split("-")[0] ?? NaN);
    return Number.isNaN(age) ? null : Math.max(0, age);
  }

  /** Sets orders aside. They come again later, and others come before them. */
  async setAside(orders: readonly Pick<OverflowEntry, "entryId">[]): Promise<void> {
    const ids = orders.map(({ entryId }) => entryId);
    // JUSTID keeps the count of tries. The time since the last try begins anew.
    await this.redis.call("XCLAIM", this.keys.stream, DRAINERS, ASIDE, 0, ...ids, "JUSTID");
  }

  /** The number of orders that are set aside, by all instances. @throws what the client throws */
  async countAside(): Promise<number> {
    try {
      const [, , , owners] = await this.redis.xpending(this.keys.stream, DRAINERS) as unknown[];
      const aside = (owners as [string, string][] | null)?.find(([owner]) => owner === ASIDE);
      return Number(aside?.[1] ?? 0);
    } catch (error) {
      if (isNoGroup(error)) return 0;
      throw error;
    }
  }

  async #next(consumer: string, count: number, idleMs: number): Promise<OverflowEntry[]> {
    const looks = [
      (most: number) => this.#own(consumer, most),
      (most: number) => this.#takeOver(consumer, most, idleMs),
      (most: number) => this.#readNew(consumer, most),
    ];
    const entries: OverflowEntry[] = [];
    for (const look of looks) {
      if (entries.length >= count) break;
      entries.push(...await this.#readable(await look(count - entries.length), false));
    }
    if (entries.length > 0) return entries;
    return await this.#readable(await this.#asideAgain(consumer), true);
  }

  /** The readable ones of these entries. The others are set aside, so that they block nothing. */
  async #readable(entries: readonly StreamEntry[], again: boolean): Promise<OverflowEntry[]> {
    const orders: OverflowEntry[] = [];
    const unreadable: { readonly entryId: string }[] = [];
    for (const entry of entries) {
      const order = entryOf(entry, again);
      if (order !== null) orders.push(order);
      else unreadable.push({ entryId: entry[0] });
    }
    if (unreadable.length === 0) return orders;
    await this.setAside(unreadable);
    if (again) return orders; // it was said when they were set aside first
    log.warn("entries of the overflow cannot be read by this version: they stay there, set aside", {
      entries: unreadable.map(({ entryId }) => entryId),
      stream: this.keys.stream,
    });
    return orders;
  }

  /**
   * The orders that `consumer` has taken and not removed. Read with XPENDING and XRANGE, not with
   * XREADGROUP: a new delivery would reset the idle time, and an instance that keeps failing would
   * never lose its entries to others.
   */
  async #own(consumer: string, count: number): Promise<StreamEntry[]> {
    const { stream } = this.keys;
    const pending = await this.redis.xpending(
      stream,
      DRAINERS,
      "-",
      "+",
      count,
      consumer,
    ) as Pending[];
    if (pending.length === 0) return [];
    const reading = this.redis.pipeline();
    for (const [entryId] of pending) reading.xrange(stream, entryId, entryId);
    const answers = await reading.exec() ?? [];
    const entries = answers.flatMap(([error, found]) => {
      if (error !== null) throw error;
      return found as StreamEntry[];
    });
    const there = new Set(entries.map(([entryId]) => entryId));
    const gone = pending.map(([entryId]) => entryId).filter((entryId) => !there.has(entryId));
    if (gone.length > 0) await this.redis.xack(stream, DRAINERS, ...gone);
    return entries;
  }

  /** The orders that another instance has taken and left for `idleMs`. */
  async #takeOver(consumer: string, count: number, idleMs: number): Promise<StreamEntry[]> {
    for (let page = 0; page < TAKEOVER_PAGES; page++) {
      const pending = await this.#pending(idleMs, this.#takeoverFrom, count);
      this.#takeoverFrom = after(pending, count);
      const left = pending.filter(([, owner]) => owner !== ASIDE);
      if (left.length > 0) return await this.#claim(consumer, idleMs, left);
      if (this.#takeoverFrom === "-") return [];
    }
    return [];
  }

  async #readNew(consumer: string, count: number): Promise<StreamEntry[]> {
    const answer = await this.redis.xreadgroup(
      "GROUP",
      DRAINERS,
      consumer,
      "COUNT",
      count,
      "STREAMS",
      this.keys.stream,
      ">",
    ) as [string, StreamEntry[]][] | null;
    const [[, entries] = ["", []]] = answer ?? [];
    return entries;
  }

  /** The orders set aside whose time has come. */
  async #asideAgain(consumer: string): Promise<StreamEntry[]> {
    const pending = await this.#pending(ASIDE_FIRST_MS, this.#asideFrom, ASIDE_AT_ONCE, ASIDE);
    this.#asideFrom = after(pending, ASIDE_AT_ONCE);
    const due = pending.filter(([, , idleMs, tries]) => idleMs >= distanceMs(tries));
    return due.length === 0 ? [] : await this.#claim(consumer, ASIDE_FIRST_MS, due);
  }

  #pending(idleMs: number, from: string, count: number, ...owner: string[]): Promise<Pending[]> {
    const { stream } = this.keys;
    return this.redis.call(
      "XPENDING",
      stream,
      DRAINERS,
      "IDLE",
      idleMs,
      from,
      "+",
      count,
      ...owner,
    ) as Promise<Pending[]>;
  }

  /** Makes these orders belong to `consumer`, unless they have been taken meanwhile. */
  async #claim(
    consumer: string,
    idleMs: number,
    pending: readonly Pending[],
  ): Promise<StreamEntry[]> {
    const ids = pending.map(([entryId]) => entryId);
    const { stream } = this.keys;
    const claimed = await this.redis.call(
      "XCLAIM",
      stream,
      DRAINERS,
      consumer,
      idleMs,
      ...ids,
    ) as (StreamEntry | null)[];
    return claimed.filter((entry) => entry !== null);
  }
}

/** The place from which the next look goes on. "-": from the first. */
function after(pending: readonly Pending[], count: number): string {
  const last = pending.at(-1);
  return last === undefined || pending.length < count ? "-" : `(${last[0]}`;
}

function distanceMs(tries: number): number {
  return Math.min(ASIDE_MOST_MS, ASIDE_FIRST_MS * 2 ** Math.max(0, tries - 1));
}

/** The code that Redis begins its answer with. */
function isNoGroup(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOGROUP ");
}
