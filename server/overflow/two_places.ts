/**
 * The overflow with its earlier place. Versions before this one kept waiting orders under keys that
 * began with a brace. After an upgrade such orders may wait there, and an instance of the earlier
 * version may still put more of them there.
 *
 * New orders go to the present place alone. Orders of both places are drained, found and recalled,
 * so a key that waits in either place gets its first answer. Nothing is moved between the places: the
 * time of an order is the id of its entry, and an earlier instance may be draining the same entries.
 * (An earlier instance does not look in the present place. A key that waits there, sent again to an
 * earlier instance, is committed once, and its answer is not a replay.)
 *
 * A Redis user who may not read the earlier keys has never put an order there, so they count as empty.
 */
import {
  type Overflow,
  OverflowUnreachable,
  type SpillResult,
} from "../../actors/order_writer/group_spill.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { settlesWithin } from "../../sql/waiting.ts";
import type { DrainQueue } from "./drain_queue.ts";
import type { EarlierPlace } from "./earlier_place.ts";
import type { OverflowEntry } from "./entries.ts";
import type { OverflowRecord } from "./recall.ts";
import type { OverflowLevel, OverflowSigns, RedisOverflow } from "./redis_overflow.ts";

/** An entry of either place. */
export interface PlacedEntry extends OverflowEntry {
  readonly queue: DrainQueue;
}

const RECALL_MS = 100;

export class TwoPlaces implements Overflow {
  constructor(readonly present: RedisOverflow, readonly earlier: EarlierPlace) {}

  get state(): RedisOverflow["state"] {
    return this.present.state;
  }

  get signs(): OverflowSigns {
    return this.present.signs;
  }

  /** The orders of both places at the latest look. */
  get level(): OverflowLevel {
    const [one, other] = [this.present.level, this.earlier.level];
    const ages = [one.oldestAgeMs, other.oldestAgeMs].filter((age) => age !== null);
    return {
      orders: one.orders + other.orders,
      oldestAgeMs: ages.length === 0 ? null : Math.max(...ages),
    };
  }

  /** How many of them are set aside, at the latest look. */
  get setAsideOrders(): number {
    return this.present.setAside + this.earlier.setAside;
  }

  start(): void {
    this.present.start();
    this.earlier.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.present.stop(), this.earlier.stop()]);
  }

  isReady(): boolean {
    return this.present.isReady();
  }

  /** Writes orders to the present place, unless they wait in the earlier one. */
  async write(orders: readonly NewOrder[]): Promise<ReadonlyMap<string, SpillResult>> {
    const records = await this.#waitingThere(orders.map(({ orderId }) => orderId));
    const waiting = new Map([...records].map(([orderId, record]): [string, SpillResult] => [
      orderId,
      { outcome: "spilled", isNew: false, ...record },
    ]));
    // Also called with no order left: the write that it makes proves that Redis, and a replica where
    // one is needed, has what was read above.
    const written = await this.present.write(orders.filter(({ orderId }) => !waiting.has(orderId)));
    return new Map([...waiting, ...written]);
  }

  async recall(orderIds: readonly string[]): Promise<ReadonlyMap<string, OverflowRecord>> {
    const present = this.present.recall(orderIds);
    if (this.earlier.level.orders === 0) return await present;
    const nothing = new Map<string, OverflowRecord>();
    const reading = this.earlier.queue.records(orderIds).catch(() => nothing);
    const earlier = await settlesWithin(RECALL_MS, reading) ? await reading : nothing;
    return new Map([...await present, ...earlier]);
  }

  async find(orderId: string): Promise<NewOrder | null> {
    const order = await this.present.find(orderId);
    if (order !== null || this.earlier.level.orders === 0) return order;
    return await this.earlier.queue.find(orderId);
  }

  /** The next orders: those of the earlier place first, since they wait longest. */
  async take(consumer: string, count: number, idleMs: number): Promise<PlacedEntry[]> {
    const { present, earlier } = this;
    const queues = earlier.level.orders === 0 ? [present.queue] : [earlier.queue, present.queue];
    for (const queue of queues) {
      const entries = await queue.take(consumer, count, idleMs);
      if (entries.length > 0) return entries.map((entry) => ({ ...entry, queue }));
    }
    return [];
  }

  /** Removes orders that are committed, or have become dead letters. */
  async remove(entries: readonly PlacedEntry[]): Promise<void> {
    for (const [queue, those] of Map.groupBy(entries, ({ queue }) => queue)) {
      await queue.remove(those);
    }
  }

  /** Sets orders aside, each in its place. */
  async setAside(entries: readonly PlacedEntry[]): Promise<void> {
    for (const [queue, those] of Map.groupBy(entries, ({ queue }) => queue)) {
      await queue.setAside(those);
    }
  }

  /** @throws OverflowUnreachable, since nothing is written yet. */
  async #waitingThere(
    orderIds: readonly string[],
  ): Promise<ReadonlyMap<string, OverflowRecord>> {
    if (this.earlier.level.orders === 0) return new Map();
    try {
      return await this.earlier.queue.records(orderIds);
    } catch (error) {
      throw new OverflowUnreachable("Redis does not tell what waits there", { cause: error });
    }
  }
}
