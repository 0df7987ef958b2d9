/**
 * Load for tests of dashboards: orders of several stores, and cancellations of some, at a steady
 * rate from a seed. Orders go in calls of many (`orders.placeMany`). A call is sent again, at any
 * instance, until all its orders are committed. Prices are few, so that products often tie.
 */
import type { WeirClient } from "../../../client/mod.ts";
import type { PlaceInput } from "../../../client/contract/order.ts";
import { testSeed } from "../faults/fault_load.ts";
import { createTestClient, KEY } from "../services/instance.ts";
import { Random } from "./random.ts";

export interface DashboardLoadOptions {
  readonly stores: readonly string[];
  /** The addresses of the instances. Asked before every call. */
  readonly urls: () => readonly string[];
  readonly ordersPerSecond: number;
  /** The share of orders that are cancelled some time later. */
  readonly cancelled?: number;
}

interface Committed {
  readonly storeId: string;
  readonly orderId: string;
}

const CALLERS = 4;
const MAX_BATCH = 12;
const SKUS = 25;
const PRICES = [0, 100, 250, 999, 1_000_000_000_000];
const AGAIN_AFTER_MS = 100;
const NO_ANSWER_MS = 5_000;

export class DashboardLoad {
  readonly seed = testSeed();
  /** Orders acknowledged as committed, by store and under `*`. */
  readonly acknowledged = new Map<string, number>();
  cancellations = 0;
  /** Calls that were repeated, because they had no answer or not all orders were committed. */
  repeats = 0;
  readonly #random = new Random(this.seed);
  readonly #clients = new Map<string, WeirClient>();
  readonly #stopping = new AbortController();
  /** Committed orders that will be cancelled. */
  readonly #unwanted: Committed[] = [];
  #callers: Promise<unknown> = Promise.resolve();
  #made = 0;
  #closed = false;

  constructor(readonly options: DashboardLoadOptions) {}

  start(): void {
    this.#callers = Promise.all(Array.from({ length: CALLERS }, () => this.#call()));
  }

  /** Sends no new orders, and resolves when everything is committed or cancelled. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#callers;
  }

  /** Gives up calls that are under way and ends the connections. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.stop();
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }

  async #call(): Promise<void> {
    const random = this.#random;
    const { ordersPerSecond, cancelled = 0.15 } = this.options;
    while (!this.#stopping.signal.aborted) {
      const begunAt = performance.now();
      const orders = Array.from({ length: random.int(1, MAX_BATCH) }, () => this.#newOrder());
      for (const one of await this.#place(orders)) {
        for (const scope of [one.storeId, "*"]) {
          this.acknowledged.set(scope, (this.acknowledged.get(scope) ?? 0) + 1);
        }
        if (random.chance(cancelled)) this.#unwanted.push(one);
      }
      if (this.#unwanted.length > 0 && random.chance(0.8)) {
        const [unwanted] = this.#unwanted.splice(random.int(0, this.#unwanted.length - 1), 1);
        await this.#cancel(unwanted!);
      }
      const dueMs = orders.length / ordersPerSecond * CALLERS * 1_000;
      const restMs = dueMs - (performance.now() - begunAt);
      if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
    }
  }

  #newOrder(): PlaceInput {
    const random = this.#random;
    return {
      storeId: random.pick(this.options.stores),
      idempotencyKey: `${this.seed}-${this.#made++}`,
      currency: random.chance(0.7) ? "EUR" : "JPY",
      lines: Array.from({ length: random.int(1, 3) }, () => ({
        sku: `sku ${random.int(1, SKUS)}`,
        quantity: random.int(1, 4),
        unitPriceMinor: random.pick(PRICES),
      })),
    };
  }

  /** Places all orders, with as many repeats as that takes. */
  async #place(orders: readonly PlaceInput[]): Promise<Committed[]> {
    const committed = await this.#persist(async (api, signal) => {
      const { results } = await api.orders.placeMany.mutate({ orders: [...orders] }, { signal });
      return results.every((one) => one.ok && one.status === "committed") ? results : null;
    });
    return (committed ?? []).flatMap((one, index) =>
      one.ok ? [{ storeId: orders[index]!.storeId, orderId: one.orderId }] : []
    );
  }

  async #cancel(order: Committed): Promise<void> {
    await this.#persist((api, signal) => api.orders.cancel.mutate(order, { signal }));
    this.cancellations++;
  }

  /** Calls until an answer is not null. @returns null when the load was closed meanwhile */
  async #persist<T>(
    call: (api: WeirClient["api"], signal: AbortSignal) => Promise<T | null>,
  ): Promise<T | null> {
    while (!this.#closed) {
      const givingUp = new AbortController();
      const timer = setTimeout(() => givingUp.abort(), NO_ANSWER_MS);
      try {
        const answer = await call(this.#anyClient().api, givingUp.signal);
        if (answer !== null) return answer;
      } catch {
        // The call was refused or not answered. To repeat it is safe.
      } finally {
        clearTimeout(timer);
      }
      this.repeats++;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
    }
    return null;
  }

  #anyClient(): WeirClient {
    const url = this.#random.pick(this.options.urls());
    const client = this.#clients.get(url) ?? createTestClient(url, KEY);
    this.#clients.set(url, client);
    return client;
  }
}
