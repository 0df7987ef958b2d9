/**
 * Counts the orders that the dashboards of some stores show, from their live frames alone.
 *
 * A frame's `today` begins at zero at midnight, and its `last60m` forgets. Neither counts the
 * orders of a run. Its `minutes` are exact: each holds all orders of its minute, for this minute
 * and the 59 before. So a frame replaces the counts of the minutes in its window. When a minute
 * leaves the window, its last count is added to a sum and stays there.
 *
 * The count is exact over hours and midnights under three conditions. The stores are new when the
 * first frame arrives. Each hour brings a frame (one comes every minute). No order is added to a
 * minute that has left the window. An order that waits in the overflow for an hour breaks the last
 * condition, because it counts in the minute in which it was placed.
 */
import type { Snapshot } from "../../../client/contract/snapshot.ts";
import { iso, MINUTE_MS } from "../../../sql/time.ts";
import { pause } from "../../../sql/waiting.ts";

/** The window of a frame is its minute and this many minutes before it. */
const MINUTES_BEFORE = 59;
const LOOK_EVERY_MS = 20;

type CountedFrame = Pick<Snapshot, "scope" | "epoch" | "version" | "minute" | "currencies">;

export class DashboardCount {
  readonly #stores = new Map<string, StoreCount>();

  /** Orders on the dashboards, without the cancelled ones. */
  get orders(): number {
    return [...this.#stores.values()].reduce((sum, store) => sum + store.orders, 0);
  }

  /** Takes the counts of a frame for its store. */
  take(frame: CountedFrame): void {
    let store = this.#stores.get(frame.scope);
    if (store === undefined) this.#stores.set(frame.scope, store = new StoreCount());
    store.take(frame);
  }

  /** Resolves when the count is `orders` or more, or when `signal` aborts. */
  async reached(orders: number, signal: AbortSignal): Promise<void> {
    while (this.orders < orders && !signal.aborted) await pause(LOOK_EVERY_MS, signal);
  }
}

class StoreCount {
  /** Orders in minutes that have left the window. */
  #settled = 0;
  /** Orders by minute (ISO 8601) in the newest frame. */
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
