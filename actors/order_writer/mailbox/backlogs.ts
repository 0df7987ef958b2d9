/**
 * The backlogs of all stores, and the turns in which batches take from them. A store that has sent
 * ten thousand orders keeps no other store waiting for them.
 *
 * The turns are deficit round robin (Shreedhar and Varghese, 1995). A turn is worth the weight of one
 * small order. A store whose next order weighs more saves its turns up. So each turn takes one order
 * or none, and a store gets the same share of the lines whatever the size of its orders.
 *
 * Where the mailbox is full, the longest backlog gives way (longest queue drop): its newest orders
 * leave for those of a shorter one. So room that nobody else uses is lent, and called back.
 *
 * A batch costs as much time as the orders that it takes, not as those that wait.
 */
import { bulkOf, MAX_BATCH_BULK, mostBulkOf } from "../../../sql/orders/batch.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";
import { BacklogSizes } from "./backlog_sizes.ts";
import { LEAST_WEIGHT, weightOf } from "./order_weight.ts";
import { StoreBacklog, type WaitingKey } from "./store_backlog.ts";
import { type BatchEntry, bytesOf, type WaitingOrder } from "./waiting_order.ts";

/** The worth of a turn, in lines. With any more, stores would wait longer for their turns. */
const TURN = LEAST_WEIGHT;
/** The unit in which backlogs are compared by their bytes. */
const KIB = 1_024;

/** An amount of room in the mailbox. */
export interface Room {
  readonly orders: number;
  readonly bytes: number;
}

export class Backlogs {
  readonly #ofStore = new Map<string, StoreBacklog>();
  /** By order id. */
  readonly #keys = new Map<string, WaitingKey>();
  /** The order ids that batches under way have. */
  readonly #held = new Set<string>();
  /** The stores with orders that a batch may take. The one whose turn is next is first. */
  readonly #turns = new Set<StoreBacklog>();
  readonly #byWeight = new BacklogSizes<StoreBacklog>(TURN);
  readonly #byBytes = new BacklogSizes<StoreBacklog>(KIB);
  orders = 0;
  bulk = 0;

  /** Stores that have waiting orders. */
  get stores(): number {
    return this.#ofStore.size;
  }

  /** The orders of the store whose orders weigh the most. */
  get longestOrders(): number {
    return this.#byWeight.longest()?.orders ?? 0;
  }

  ordersOf(storeId: string): number {
    return this.#ofStore.get(storeId)?.orders ?? 0;
  }

  /** True when `take` would take something. */
  get isReady(): boolean {
    return this.#turns.size > 0;
  }

  /** Adds an order behind those of its store, or beside those of its key. */
  add(waitingOrder: WaitingOrder): void {
    const { orderId, storeId } = waitingOrder.order;
    const key = this.#keys.get(orderId);
    if (key === undefined) {
      const made = this.#makeKey(orderId, storeId, [waitingOrder]);
      made.backlog.append(made);
      this.#count(made.backlog, [waitingOrder], 1);
    } else {
      key.orders.push(waitingOrder);
      this.#count(key.backlog, [waitingOrder], 1);
    }
  }

  /** Puts orders before all others of their stores, in their order. Their keys are not held. */
  addFirst(waiting: readonly WaitingOrder[]): void {
    const byKey = Map.groupBy(waiting, ({ order }) => order.orderId);
    for (const [orderId, orders] of [...byKey].reverse()) {
      const known = this.#keys.get(orderId);
      const key = known ?? this.#makeKey(orderId, orders[0]!.order.storeId, orders);
      if (known !== undefined) {
        known.orders = [...orders, ...known.orders];
        known.backlog.unlink(known);
      }
      key.backlog.prepend(key);
      this.#count(key.backlog, orders, 1);
    }
  }

  /**
   * Takes orders for a batch in turns: at most `maxOrders` keys, and no more bulk than a batch may
   * have. Callers with the same key and content share one entry. An order with other content under
   * a key that is taken waits until `release`. So the first of two contents is stored.
   */
  take(maxOrders: number): BatchEntry[] {
    const entries: BatchEntry[] = [];
    const passed: WaitingKey[] = [];
    let bulk = 0;
    // A store that is put behind the others is met again, as long as anything is left.
    for (const backlog of this.#turns) {
      if (entries.length >= maxOrders) break;
      const key = nextReady(backlog, passed);
      const { lineCount } = key.orders[0]!.order;
      if (entries.length > 0 && bulk + bulkOf(lineCount) > MAX_BATCH_BULK) break;
      backlog.credit += TURN;
      this.#turns.delete(backlog);
      if (weightOf(lineCount) <= backlog.credit) {
        backlog.credit -= weightOf(lineCount);
        bulk += bulkOf(lineCount);
        entries.push(this.#hold(key, passed));
      }
      if (backlog.readyKeys > 0) this.#turns.add(backlog);
      else backlog.credit = 0;
    }
    for (const key of passed.reverse()) key.backlog.prepend(key);
    return entries;
  }

  /** Says that no batch has this key any more. */
  release(orderId: string): void {
    this.#held.delete(orderId);
    const key = this.#keys.get(orderId);
    if (key === undefined || !key.isHeld) return;
    key.isHeld = false;
    this.#ready(key.backlog, 1);
  }

  /** Removes the orders that `which` picks. @returns them */
  remove(which: (waitingOrder: WaitingOrder) => boolean): WaitingOrder[] {
    const removed: WaitingOrder[] = [];
    for (const backlog of this.#ofStore.values()) {
      for (const key of backlog.keys()) {
        if (!key.orders.some(which)) continue; // nearly always, so it should cost nothing
        const leaving = key.orders.filter(which);
        this.#leave(key, leaving);
        for (const waitingOrder of leaving) removed.push(waitingOrder);
      }
    }
    return removed;
  }

  /**
   * Removes the newest orders of the longest backlog, until there is so much more room for `order`.
   * An order that may be stored stays. Removes nothing unless the backlog of the order's own store
   * is the shorter one also after that. @returns null when nothing was removed.
   */
  makeRoom(order: NewOrder, missing: Room): WaitingOrder[] | null {
    const measure = missing.orders > 0 ? "weight" : "bytes";
    const longest = (measure === "weight" ? this.#byWeight : this.#byBytes).longest();
    if (longest === null) return null;
    const measureOf = (one: NewOrder) =>
      measure === "weight" ? weightOf(one.lineCount) : bytesOf(one);
    const own = (this.#ofStore.get(order.storeId)?.[measure] ?? 0) + measureOf(order);
    const leaving: WaitingOrder[] = [];
    let left = longest[measure];
    let freed = 0;
    for (const waitingOrder of longest.newestFirst()) {
      if (leaving.length >= missing.orders && freed >= missing.bytes) break;
      if (left <= own) return null;
      if (waitingOrder.maybeStored) continue;
      leaving.push(waitingOrder);
      left -= measureOf(waitingOrder.order);
      freed += bytesOf(waitingOrder.order);
    }
    if (leaving.length < missing.orders || freed < missing.bytes) return null;
    for (const one of leaving) this.#leave(this.#keys.get(one.order.orderId)!, [one]);
    return leaving;
  }

  /**
   * The orders and the bulk that batches take before they take `order`, if it comes now: all of its
   * store's backlog, and of each other store no more than as many turns as that takes.
   */
  ahead(order: NewOrder): { readonly orders: number; readonly bulk: number } {
    const own = this.#ofStore.get(order.storeId)?.weight ?? 0;
    const turns = this.#byWeight.unitsBelow(Math.ceil((own + weightOf(order.lineCount)) / TURN));
    return {
      orders: Math.min(this.orders, turns),
      bulk: Math.min(this.bulk, mostBulkOf(turns * TURN)),
    };
  }

  #makeKey(orderId: string, storeId: string, orders: WaitingOrder[]): WaitingKey {
    let backlog = this.#ofStore.get(storeId);
    if (backlog === undefined) this.#ofStore.set(storeId, backlog = new StoreBacklog());
    const isHeld = this.#held.has(orderId);
    const key = { orderId, backlog, orders, isHeld, before: null, after: null };
    this.#keys.set(orderId, key);
    if (!isHeld) this.#ready(backlog, 1);
    return key;
  }

  /** Takes the orders of a key that have the content of the first. Others are passed over. */
  #hold(key: WaitingKey, passed: WaitingKey[]): BatchEntry {
    const { orderId, backlog } = key;
    const { order } = key.orders[0]!;
    const waiting = key.orders.filter((one) => one.order.contentHash === order.contentHash);
    backlog.unlink(key);
    backlog.readyKeys--;
    this.#held.add(orderId);
    if (waiting.length < key.orders.length) {
      key.orders = key.orders.filter((one) => one.order.contentHash !== order.contentHash);
      key.isHeld = true;
      passed.push(key);
    } else this.#keys.delete(orderId);
    this.#count(backlog, waiting, -1);
    return { order, waiting };
  }

  /** Removes some of the orders of a key. */
  #leave(key: WaitingKey, leaving: readonly WaitingOrder[]): void {
    const gone = new Set(leaving);
    key.orders = key.orders.filter((waitingOrder) => !gone.has(waitingOrder));
    if (key.orders.length === 0) {
      key.backlog.unlink(key);
      this.#keys.delete(key.orderId);
      if (!key.isHeld) this.#ready(key.backlog, -1);
    }
    this.#count(key.backlog, leaving, -1);
  }

  #ready(backlog: StoreBacklog, keys: 1 | -1): void {
    backlog.readyKeys += keys;
    if (backlog.readyKeys > 0) this.#turns.add(backlog);
    else {
      this.#turns.delete(backlog);
      backlog.credit = 0;
    }
  }

  #count(backlog: StoreBacklog, waiting: readonly WaitingOrder[], sign: 1 | -1): void {
    const { weight, bytes } = backlog;
    for (const { order } of waiting) {
      backlog.orders += sign;
      backlog.weight += sign * weightOf(order.lineCount);
      backlog.bytes += sign * bytesOf(order);
      this.bulk += sign * bulkOf(order.lineCount);
    }
    this.orders += sign * waiting.length;
    this.#byWeight.move(backlog, weight, backlog.weight);
    this.#byBytes.move(backlog, bytes, backlog.bytes);
    if (backlog.orders === 0) this.#ofStore.delete(waiting[0]!.order.storeId);
  }
}

/** The first key of a store that a batch may take. Keys before it are held, and passed over. */
function nextReady(backlog: StoreBacklog, passed: WaitingKey[]): WaitingKey {
  for (let key = backlog.first!;; key = backlog.first!) {
    if (!key.isHeld) return key;
    backlog.unlink(key);
    passed.push(key);
  }
}
