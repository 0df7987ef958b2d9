/**
 * The client: orders and dashboards of a Weir, from Node, Deno, Bun or a browser.
 *
 * ```ts
 * const options: WeirClientOptions = { url: "http://127.0.0.1:8080", token: "your-key" };
 * const weir: WeirClient = createWeirClient(options);
 * const order = {
 *   storeId: "berlin",
 *   currency: "EUR",
 *   lines: [{ sku: "tea", quantity: 2, unitPriceMinor: 450 }],
 * };
 * const prepared = prepareOrder(order); // the id is known, and nothing was sent
 * try {
 *   const placed = await weir.orders.place(prepared.order);
 *   console.log(placed.orderId === prepared.orderId, placed.status);
 * } catch (error) {
 *   if (error instanceof PlaceError) console.log(error.reason, error.mayBeStored);
 * }
 * const fates = await weir.orders.placeMany([order, order]);
 * console.log(fates.map(({ state }) => state));
 *
 * for await (const { status, snapshot } of weir.live({ storeId: "berlin" })) {
 *   console.log(status, snapshot?.currencies);
 * }
 *
 * // The same figures in a tenth of the bytes: what has changed since the update before.
 * let shown: ShownUpdate | null = null;
 * weir.api.dashboard.livePatches.subscribe({}, {
 *   onData: ({ data }) => shown = applyUpdate(shown, data),
 * });
 *
 * // Orders that outlive a reload and hours without a network.
 * const store = "indexedDB" in globalThis
 *   ? indexedDbStore("shop")
 *   : "localStorage" in globalThis
 *   ? webStorageStore("shop")
 *   : memoryStore();
 * const outbox = await weir.openOutbox({ store });
 * const entry = await outbox.add(order);
 * console.log((await outbox.settled(entry.orderId)).state);
 *
 * try {
 *   await weir.api.orders.cancel.mutate({ storeId: "berlin", orderId: prepared.orderId });
 * } catch (error) {
 *   const { reason }: WeirError = weirErrorOf(error);
 *   console.log(reason, errorDataOf(error)?.code);
 * }
 * await outbox.close(); // at the end of the program
 * await weir.close();
 * ```
 *
 * Calls go over HTTP. Calls made together share one request. Subscriptions share one WebSocket,
 * which is made with the first of them, reconnects by itself and resumes where it was.
 *
 * Tested in tests/client/mod_test.ts and tests/examples.
 */
// `deno task check` compiles the snippet above. Deno imports every export of this file into it, and
// an unused import is an error. So a new export must be used in the snippet.
import type { TRPCClient } from "@trpc/client";
import type { AppRouter } from "./api/app_router.ts";
import { openTransport, type TransportOptions } from "./api/transport.ts";
import { framesOf } from "./live/frames.ts";
import { Live, type LiveScope } from "./live/live.ts";
import { pageOf, PageVisibility } from "./live/page_visibility.ts";
import { systemClock } from "./clock.ts";
import type { KeyedOrder, NewOrder } from "./orders/new_order.ts";
import { Pace } from "./orders/pace.ts";
import { place, type Placed, tryToPlace } from "./orders/place.ts";
import { type Fate, placeMany } from "./orders/place_many.ts";
import type { CallOptions } from "./orders/time_limit.ts";
import { Outbox, type OutboxOptions } from "./outbox/outbox.ts";
import { Sender } from "./outbox/sender.ts";

export { errorDataOf, PlaceError, WeirError, weirErrorOf } from "./api/weir_error.ts";
export { indexedDbStore } from "./outbox/stores/indexed_db_store.ts";
export { applyUpdate, type ShownUpdate } from "./live/patch.ts";
export { memoryStore } from "./outbox/stores/memory_store.ts";
export { webStorageStore } from "./outbox/stores/web_storage_store.ts";
export { prepareOrder } from "./orders/new_order.ts";
export type * from "./types.ts";

export interface WeirClientOptions extends TransportOptions {
  /** False: a page that nobody sees goes on with its live figures. */
  readonly pausesWhenHidden?: boolean;
}

export interface WeirClient {
  readonly orders: {
    /**
     * Places an order, and tries again as long as that can help and the deadline allows it.
     * @throws PlaceError with the reason, and whether the order may be stored all the same
     */
    place(order: NewOrder, options?: CallOptions): Promise<Placed>;
    /** Places many, in calls as large as Weir takes. @returns the fate of each, in their order */
    placeMany(orders: readonly NewOrder[], options?: CallOptions): Promise<Fate[]>;
  };
  /** Live figures. The same scope is the same object, and costs one subscription. */
  live(scope?: LiveScope): Live;
  /**
   * Opens an outbox: orders that are kept in a store until Weir has them. Close it before the client.
   * @throws what the store throws when it cannot be read
   */
  openOutbox(options: OutboxOptions): Promise<Outbox>;
  /** Every procedure, by its path: `api.orders.get.query(…)`. */
  readonly api: TRPCClient<AppRouter>;
  /** Ends every subscription, every wait for another try, and the connection. */
  close(): Promise<void>;
}

/**
 * Makes a client. It connects with the first subscription and disconnects 15 s after the last one.
 * @throws TypeError when `url` or `token` cannot be those of an instance
 */
export function createWeirClient(options: WeirClientOptions): WeirClient {
  const transport = openTransport(options);
  const closing = new AbortController();
  const [clock, closed] = [systemClock, closing.signal];
  const placing = { transport, pace: new Pace(clock), clock, closed };
  const lives = new Map<string, Live>();
  const page = options.pausesWhenHidden === false ? null : pageOf(globalThis);
  const visibility = new PageVisibility(page);
  transport.onOtherWay(() => lives.forEach((live) => live.restart()));
  return {
    orders: {
      place: (order, callOptions) => place(placing, order, callOptions),
      placeMany: (orders, callOptions) => placeMany(placing, orders, callOptions),
    },
    live: (scope = {}) => {
      const key = JSON.stringify([scope.storeId, scope.maxFramesPerSecond]);
      const known = lives.get(key);
      if (known !== undefined) return known;
      const onTokenRefused = () => transport.tokenRefused();
      const subscribe = framesOf(transport.api.dashboard.livePatches, scope, transport.lossOf);
      const live = new Live({ subscribe, clock, visibility, onTokenRefused });
      lives.set(key, live);
      return live;
    },
    openOutbox: async (outboxOptions) => {
      const tryOnce = (order: KeyedOrder, onTurn: () => Promise<void>, signal: AbortSignal) =>
        tryToPlace(placing, order, { leftMs: () => Infinity, signal, onTurn });
      const sender = new Sender({ clock, isOnce: transport.isOnce, tryOnce, onOnline });
      const outbox = new Outbox(outboxOptions.store, sender, outboxOptions);
      await outbox.start();
      return outbox;
    },
    api: transport.api,
    close: async () => {
      closing.abort();
      lives.forEach((live) => live.close());
      await transport.close();
    },
  };
}

/** Calls back when the browser has a network again. @returns ends that */
function onOnline(listener: () => void): () => void {
  globalThis.addEventListener?.("online", listener);
  return () => globalThis.removeEventListener?.("online", listener);
}
