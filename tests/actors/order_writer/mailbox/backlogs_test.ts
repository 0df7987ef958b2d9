/** The turns of the stores, compared with a simple model and with the promise of the algorithm. */
import fc from "fast-check";
import { assertEquals, assertLess } from "@std/assert";
import { Backlogs } from "../../../../actors/order_writer/mailbox/backlogs.ts";
import { weightOf } from "../../../../actors/order_writer/mailbox/order_weight.ts";
import type { WaitingOrder } from "../../../../actors/order_writer/mailbox/waiting_order.ts";
import { bulkOf, MAX_BATCH_BULK } from "../../../../sql/orders/batch.ts";
import { anOrder, manyLines } from "../../../support/load/orders.ts";

/** The most lines that an order may have. */
const MOST_LINES = 200;

function waits(storeId: string, lines = 1, key?: string, content = ""): WaitingOrder {
  const order = anOrder({
    storeId,
    lines: manyLines(lines),
    customerRef: content,
    ...(key === undefined ? {} : { idempotencyKey: key }),
  });
  return { order, deadlineAt: 0, answer: () => undefined, maybeStored: false };
}

/** So many orders that are alike but for their keys. */
function many(count: number, one: WaitingOrder): WaitingOrder[] {
  return Array.from(
    { length: count },
    (_, index) => ({ ...one, order: { ...one.order, orderId: `${one.order.orderId}-${index}` } }),
  );
}

function filled(orders: readonly WaitingOrder[]): Backlogs {
  const backlogs = new Backlogs();
  for (const waitingOrder of orders) backlogs.add(waitingOrder);
  return backlogs;
}

/** The stores of a batch, in the order of their turns. */
const storesOf = (backlogs: Backlogs, orders: number) =>
  backlogs.take(orders).map(({ order }) => order.storeId);

/**
 * The backlogs as plain lists, which may be slow: all keys in one list, and the stores in the order
 * of their turns.
 */
class Model {
  keys: { readonly orderId: string; readonly storeId: string; orders: WaitingOrder[] }[] = [];
  readonly held = new Set<string>();
  turns: { readonly storeId: string; credit: number }[] = [];

  get orders(): number {
    return this.keys.reduce((sum, { orders }) => sum + orders.length, 0);
  }

  /** Puts an order beside those of its key, or to the end. */
  add(waitingOrder: WaitingOrder): void {
    const { orderId, storeId } = waitingOrder.order;
    const key = this.keys.find((one) => one.orderId === orderId);
    if (key === undefined) this.keys.push({ orderId, storeId, orders: [waitingOrder] });
    else key.orders.push(waitingOrder);
    this.look();
  }

  addFirst(batch: readonly WaitingOrder[]): void {
    for (const waitingOrder of batch.toReversed()) {
      const { orderId, storeId } = waitingOrder.order;
      const known = this.keys.find((one) => one.orderId === orderId)?.orders ?? [];
      const others = this.keys.filter((one) => one.orderId !== orderId);
      this.keys = [{ orderId, storeId, orders: [waitingOrder, ...known] }, ...others];
      this.look();
    }
  }

  remove(which: (waitingOrder: WaitingOrder) => boolean): void {
    for (const key of this.keys) key.orders = key.orders.filter((one) => !which(one));
    this.look();
  }

  take(most: number): string[] {
    const taken: string[] = [];
    let bulk = 0;
    while (taken.length < most && this.turns.length > 0) {
      const turn = this.turns[0]!;
      const key = this.#next(turn.storeId)!;
      const { order } = key.orders[0]!;
      if (taken.length > 0 && bulk + bulkOf(order.lineCount) > MAX_BATCH_BULK) break;
      turn.credit += 5;
      this.turns.push(this.turns.shift()!);
      if (weightOf(order.lineCount) <= turn.credit) {
        turn.credit -= weightOf(order.lineCount);
        bulk += bulkOf(order.lineCount);
        taken.push(order.orderId);
        this.held.add(order.orderId);
        key.orders = key.orders.filter((one) => one.order.contentHash !== order.contentHash);
      }
      this.look();
    }
    return taken;
  }

  /** Stores with orders to take and without a turn get the last turn. Others lose their turn. */
  look(): void {
    this.keys = this.keys.filter(({ orders }) => orders.length > 0);
    this.turns = this.turns.filter(({ storeId }) => this.#next(storeId) !== undefined);
    for (const { storeId } of this.keys) {
      if (this.turns.some((turn) => turn.storeId === storeId)) continue;
      if (this.#next(storeId) !== undefined) this.turns.push({ storeId, credit: 0 });
    }
  }

  #next(storeId: string) {
    return this.keys.find((key) => key.storeId === storeId && !this.held.has(key.orderId));
  }
}

Deno.test("the backlogs take what a simple model takes, whatever comes, goes and is put back", () => {
  const action = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant("add" as const), fc.nat(3), fc.nat(4)) },
    { weight: 3, arbitrary: fc.tuple(fc.constant("take" as const), fc.nat(4), fc.constant(0)) },
    fc.tuple(fc.constant("back" as const), fc.constant(0), fc.constant(0)),
    fc.tuple(fc.constant("done" as const), fc.constant(0), fc.constant(0)),
    fc.tuple(fc.constant("leave" as const), fc.nat(30), fc.constant(0)),
  );
  fc.assert(
    fc.property(fc.array(action, { minLength: 20, maxLength: 60 }), (actions) => {
      const [backlogs, model] = [new Backlogs(), new Model()];
      let batches: WaitingOrder[][] = [];
      let made = 0;
      for (const [act, one, two] of actions) {
        if (act === "add") {
          const lines = [1, 1, 3, 9, 40][two]!;
          const waitingOrder = waits(`store-${one}`, lines, `${two % 3}`, `${made % 2}`);
          made++;
          backlogs.add(waitingOrder);
          model.add(waitingOrder);
        } else if (act === "take") {
          const entries = backlogs.take(one + 1);
          assertEquals(entries.map(({ order }) => order.orderId), model.take(one + 1));
          batches.push(entries.flatMap(({ waiting }) => waiting));
        } else if (act === "leave") {
          const which = ({ order }: WaitingOrder) => order.linesJson.length % 31 === one % 31;
          backlogs.remove(which);
          model.remove(which);
        } else {
          const [batch = []] = batches;
          batches = batches.slice(1);
          for (const { order } of batch) {
            backlogs.release(order.orderId);
            model.held.delete(order.orderId);
            model.look();
          }
          if (act === "back") {
            backlogs.addFirst(batch);
            model.addFirst(batch);
          }
        }
        assertEquals(backlogs.orders, model.orders);
        assertEquals(backlogs.isReady, model.turns.length > 0);
        const stores = new Set(model.keys.map(({ storeId }) => storeId));
        assertEquals(backlogs.stores, stores.size);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("stores whose orders wait get the same lines, but for one order, however large their orders are", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: MOST_LINES }), { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 100 }), (sizesOfStores, batchOrders) => {
      const backlogs = filled(
        sizesOfStores.flatMap((lines, store) => many(30, waits(`${store}`, lines))),
      );
      const served = new Map<string, number>();
      const stores = sizesOfStores.map((_, store) => String(store));
      while (stores.every((store) => backlogs.ordersOf(store) > 0)) {
        for (const { order } of backlogs.take(batchOrders)) {
          const before = served.get(order.storeId) ?? 0;
          served.set(order.storeId, before + weightOf(order.lineCount));
        }
        if (!stores.every((store) => backlogs.ordersOf(store) > 0)) break;
        const weights = stores.map((store) => served.get(store) ?? 0);
        assertLess(Math.max(...weights) - Math.min(...weights), MOST_LINES + 5);
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("a store's first order is in the next batch, although another store has ten thousand", () => {
  const backlogs = filled(many(10_000, waits("flood")));
  for (let store = 0; store < 20; store++) backlogs.add(waits(`gentle-${store}`));
  const batch = storesOf(backlogs, 40);
  assertEquals(new Set(batch).size, 21);
  assertEquals(batch.filter((store) => store === "flood").length, 20);
});

Deno.test("a store with one large order is served while others send small ones", () => {
  const backlogs = filled([waits("large", MOST_LINES)]);
  for (let order = 0; order < 100; order++) backlogs.add(waits("small"));
  const batch = storesOf(backlogs, 100);
  assertEquals(batch.indexOf("large"), MOST_LINES / 5 - 1, "after as many turns as it is worth");
});

Deno.test("an order waits for its store's backlog and a like share of each other store", () => {
  const backlogs = filled(Array.from({ length: 900 }, () => waits("flood")));
  for (let order = 0; order < 30; order++) backlogs.add(waits("middle"));
  backlogs.add(waits("gentle"));
  const ahead = (store: string, lines = 1) => backlogs.ahead(waits(store, lines).order).orders;
  assertEquals(ahead("gentle"), 2 + 2 + 1);
  assertEquals(ahead("new"), 1 + 1 + 1);
  assertEquals(ahead("middle"), 31 + 30 + 1);
  assertEquals(ahead("flood"), 931);
  assertEquals(ahead("new", MOST_LINES), 40 + 30 + 1);
});

Deno.test("a batch costs what it takes, and not what waits", () => {
  const usualMs = (waiting: number) => {
    const backlogs = filled(many(waiting, waits("flood")));
    const times = Array.from({ length: 20 }, () => {
      const begunAt = performance.now();
      assertEquals(backlogs.take(100).length, 100);
      return performance.now() - begunAt;
    });
    return times.toSorted((a, b) => a - b)[10]!;
  };
  usualMs(2_000); // compiles
  const [few, most] = [usualMs(2_000), usualMs(100_000)];
  // Code that copied a list would take several hundred times as long. Large maps take a few times
  // as long.
  assertLess(most, 25 * few, "milliseconds with 100,000 orders waiting");
});
