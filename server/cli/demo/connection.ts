/**
 * The demo as a client of its own service: orders over HTTP, live dashboards over one WebSocket,
 * which comes back by itself and goes on where it was.
 */
import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  splitLink,
  type TRPCClient,
  wsLink,
} from "@trpc/client";
import { WebSocket } from "ws";
import type { Snapshot } from "../../../client/contract/snapshot.ts";
import type { OpsStatus } from "../../../client/contract/ops_status.ts";
import type { AppRouter } from "../../router/mod.ts";
import type { OrderCalls } from "./sample_traffic.ts";

export interface DemoConnection {
  readonly orders: OrderCalls;
  /** Calls `onFrame` with each frame of these stores' dashboards. */
  watchStores(storeIds: readonly string[], onFrame: (frame: Snapshot) => void): void;
  /** Calls `onStatus` with what the actors do, now and whenever it changes. */
  watchStatus(onStatus: (status: OpsStatus) => void): void;
  /** Ends what is watched, and the connection. */
  close(): Promise<void>;
}

export interface DemoConnectionOptions {
  /** The service, `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly token: string;
  /** Something that is watched has ended with an error. */
  readonly onProblem: (line: string) => void;
}

const RECONNECT = { firstMs: 100, maxMs: 2_000 };

/** Connects to a service. */
export function connectDemo({ url, token, onProblem }: DemoConnectionOptions): DemoConnection {
  const endpoint = new URL("/trpc", url);
  const socket = createWSClient({
    url: endpoint.href.replace(/^http/, "ws"),
    connectionParams: { token },
    retryDelayMs: (attempt) => Math.min(RECONNECT.maxMs, RECONNECT.firstMs * 2 ** attempt),
    // Deno's own client is slow with messages over a kilobyte.
    WebSocket: WebSocket as typeof globalThis.WebSocket,
  });
  const api: TRPCClient<AppRouter> = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: wsLink({ client: socket }),
        false: httpBatchLink({
          url: endpoint,
          headers: { authorization: `Bearer ${token}` },
          maxItems: 50,
        }),
      }),
    ],
  });
  const watched: { unsubscribe(): void }[] = [];
  const onError = (error: Error) => onProblem(`a subscription ended: ${error.message}`);
  return {
    orders: {
      place: (order) => api.orders.place.mutate(order),
      placeMany: async (orders) =>
        (await api.orders.placeMany.mutate({ orders: [...orders] })).results,
    },
    watchStores: (storeIds, onFrame) => {
      for (const storeId of storeIds) {
        const onData = ({ data }: { data: Snapshot }) => onFrame(data);
        watched.push(api.dashboard.live.subscribe({ storeId }, { onData, onError }));
      }
    },
    watchStatus: (onStatus) => {
      watched.push(api.ops.onStatus.subscribe(undefined, { onData: onStatus, onError }));
    },
    close: async () => {
      for (const subscription of watched) subscription.unsubscribe();
      await socket.close();
    },
  };
}
