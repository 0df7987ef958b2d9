/**
 * The age of an order when a dashboard first shows it. A service as a process of its own runs on a
 * real PostgreSQL and Redis that sync every write. It takes 1,000 orders a second and serves 100
 * subscribers over WebSocket, half of them on all stores together and half on one store each.
 *
 * An order is seen with the first frame that counts as many orders as were placed up to it. Its age
 * runs from `placedAt`, by the database's clock before its commit, to the arrival of that frame
 * here, on the same machine. So the age has commit, fold, notice, read, wire and parsing in it.
 */
import { WebSocket } from "ws";
import { createWeirClient, type WeirClient } from "../../client/mod.ts";
import { connect } from "../../sql/connection/driver.ts";
import { anInput } from "../support/load/orders.ts";
import { KEY } from "../support/services/instance.ts";
import { startService } from "../support/services/service_process.ts";
import { until } from "../support/services/services.ts";
import { withServices } from "./stage/embedded.ts";
import type { Bench, Figure } from "./stage/figure.ts";

const SUBSCRIBERS = 100;
const STORES = 10;
const ORDERS_PER_SECOND = 1_000;
const CALL_ORDERS = 10;
const WARM_UP_MS = 3_000;
const MEASURED_MS = 12_000;

export const freshness: Bench = {
  name: "freshness",
  run: () => withServices(measure),
};

/** A subscriber's scope, and the number of orders in each frame with its time (Unix ms). */
interface Watcher {
  readonly storeId: string | null;
  readonly seen: { readonly orders: number; readonly at: number }[];
}

async function measure(databaseUrl: string, redisUrl: string): Promise<Figure[]> {
  const service = await startService({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl });
  const clients = Array.from({ length: SUBSCRIBERS }, () =>
    createWeirClient({
      url: service.url,
      token: KEY,
      WebSocket,
    }));
  try {
    await service.says(/"message":"ready"/);
    const watchers = clients.map(watch);
    await until("the first frames", () => watchers.every(({ seen }) => seen.length > 0));
    await offer(clients);
    return figuresOf(await agesOf(databaseUrl, watchers));
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await service.stop();
  }
}

function watch({ api }: WeirClient, index: number): Watcher {
  const storeId = index % 2 === 0 ? null : `store-${(index - 1) / 2 % STORES}`;
  const watcher: Watcher = { storeId, seen: [] };
  api.dashboard.live.subscribe(storeId === null ? {} : { storeId }, {
    onData: ({ data }) => {
      const orders = data.currencies.reduce((sum, { last60m }) => sum + last60m.orders, 0);
      watcher.seen.push({ orders, at: Date.now() });
    },
  });
  return watcher;
}

/** Places orders at the rate. It does not wait for answers before the next call. */
async function offer(clients: readonly WeirClient[]): Promise<void> {
  const begunAt = performance.now();
  const calls: Promise<unknown>[] = [];
  while (performance.now() - begunAt < WARM_UP_MS + MEASURED_MS) {
    const due = (performance.now() - begunAt) / 1_000 * ORDERS_PER_SECOND;
    while (calls.length * CALL_ORDERS < due) {
      const orders = Array.from(
        { length: CALL_ORDERS },
        (_, index) => anInput({ storeId: `store-${(calls.length + index) % STORES}` }),
      );
      const { api } = clients[calls.length % clients.length]!;
      calls.push(api.orders.placeMany.mutate({ orders }));
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(calls);
}

/** The age of every measured order at each of its subscribers, in milliseconds. */
async function agesOf(databaseUrl: string, watchers: readonly Watcher[]): Promise<number[]> {
  const sql = connect(databaseUrl, { max: 1 });
  const rows = await sql<{ store_id: string; placed_at: Date }[]>`
    SELECT store_id, placed_at FROM orders ORDER BY placed_at`;
  await sql.end();
  const times = rows.map((row) => ({ store: row.store_id, at: row.placed_at.getTime() }));
  const from = (times[0]?.at ?? 0) + WARM_UP_MS;
  const ages: number[] = [];
  for (const { storeId, seen } of watchers) {
    const own = times.filter(({ store }) => storeId === null || store === storeId);
    await until("the last order to be shown", () => (seen.at(-1)?.orders ?? 0) >= own.length);
    let frame = 0;
    for (const [index, { at }] of own.entries()) {
      while (seen[frame]!.orders <= index) frame++;
      if (at >= from) ages.push(seen[frame]!.at - at);
    }
  }
  return ages.sort((a, b) => a - b);
}

function figuresOf(ages: readonly number[]): Figure[] {
  const quantile = (share: number) => ages[Math.floor(ages.length * share)] ?? NaN;
  return [
    { name: "freshness.p50_ms", value: quantile(0.5), unit: "ms", aim: "at most 60" },
    { name: "freshness.p99_ms", value: quantile(0.99), unit: "ms", aim: "at most 250" },
  ];
}
