/**
 * A shop in a browser: an outbox in the store that its link names, and live figures. The test's program
 * for the page; `shop` is what it can ask for.
 */
import {
  createWeirClient,
  indexedDbStore,
  type LiveStatus,
  type NewOrder,
  type OutboxEntry,
  webStorageStore,
} from "../../../client/mod.ts";

export interface Shop {
  /** Keeps an order. @returns its id */
  add(order: NewOrder): Promise<string>;
  states(): Readonly<Record<string, OutboxEntry["state"]>>;
  entry(orderId: string): OutboxEntry | undefined;
  settled(orderId: string): Promise<OutboxEntry["state"]>;
  /** Each status that the live figures had. */
  readonly statuses: readonly LiveStatus[];
  orders(): number;
}

async function openShop(): Promise<Shop> {
  const link = new URLSearchParams(location.hash.slice(1));
  const weir = createWeirClient({ url: link.get("url")!, token: link.get("key")! });
  const store = link.get("store") === "web" ? webStorageStore("shop") : indexedDbStore("shop");
  const outbox = await weir.openOutbox({ store });
  const live = weir.live();
  const statuses: LiveStatus[] = [];
  live.subscribe(({ status }) => {
    if (statuses.at(-1) !== status) statuses.push(status);
  });
  return {
    add: async (order) => (await outbox.add(order)).orderId,
    states: () =>
      Object.fromEntries(outbox.getState().entries.map(({ orderId, state }) => [orderId, state])),
    entry: (orderId) => outbox.get(orderId),
    settled: async (orderId) => (await outbox.settled(orderId)).state,
    statuses,
    orders: () => live.getState().snapshot?.currencies[0]?.today.orders ?? 0,
  };
}

Object.assign(globalThis, { shop: await openShop() });
