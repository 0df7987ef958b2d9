/**
 * How many orders the dashboards of some stores have counted, from their live frames alone.
 *
 * A frame's `today` begins at zero at midnight and its `last60m` forgets, so neither is a count of
 * what a run has placed. Its `minutes` are exact: each states in full what its minute holds, for
 * this minute and the 59 before. So a frame replaces what is known of the minutes in its window, and
 * a minute that has left the window is settled: its last figure is added to the sum for good. That
 * holds over any number of hours and midnights, on two conditions: no order is placed into a minute
 * that left the window (one that was spilled for an hour would be), and no hour goes by without a
 * frame (one comes every minute). The stores must be new when the first frame comes.
 */
import { iso, MINUTE_MS } from "../../../sql/time.ts";
import type { Snapshot } from "../../../client/contract/snapshot.ts";

/** A frame's window: its minute and this many before it. */
const MINUTES_BEFORE = 59;

type CountedFrame = Pick<Snapshot, "scope" | "epoch" | "version" | "minute" | "currencies">;

export class DashboardCount {
  readonly #stores = new Map<string, StoreCount>();
  readonly #waiting = new Set<() => void>();

  /** Orders on the dashboards, cancelled ones aside. */
  get orders(): number {
    return [...this.#stores.values()].reduce((sum, store) => sum + store.orders, 0);
  }

  /** Counts what a frame says of its store. */
  take(frame: CountedFrame): void {
    let store = this.#stores.get(frame.scope);
    if (store === undefined) this.#stores.set(frame.scope, store = new StoreCount());
    store.take(frame);
    for (const look of this.#waiting) look();
  }

  /** Resolves when `orders` are counted or more, or when `signal` aborts. */
  async reached(orders: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => {
      if (this.orders >= orders || signal.aborted) resolve();
    };
    this.#waiting.add(look);
    signal.addEventListener("abort", look);
    look();
    await promise;
    signal.removeEventListener("abort", look);
    this.#waiting.delete(look);
  }
}

class StoreCount {
  /** Orders in minutes that left the window. */
  #settled = 0;
  /** Orders by minute (ISO 8601), as the newest frame has them. */
  #window = new Map<string, number>();
  #newest: CountedFrame | null = null;

  get orders(): number {
    return [...this.#window.values()].reduce((sum, orders) => sum + orders, this.#settled);
  }

  take(frame: CountedFrame): void {
    if (this.#newest !== null && isOlder(frame, this.#newest)) return;
    this.#newest = frame;
    const window = new Map<string, number>();
    for (const { minute, orders } of frame.currencies.flatMap(({ minutes }) => minutes)) {
      window.set(minute, (window.get(minute) ?? 0) + orders);
    }
    const oldest = iso(Date.parse(frame.minute) - MINUTES_BEFORE * MINUTE_MS);
    for (const [minute, orders] of this.#window) {
      if (minute < oldest) this.#settled += orders;
    }
    this.#window = window;
  }
}

function isOlder(a: CountedFrame, b: CountedFrame): boolean {
  return (a.epoch - b.epoch || a.version - b.version ||
    Date.parse(a.minute) - Date.parse(b.minute)) < 0;
}
