/**
 * The demo as a client of its own service: the typed client of `client/mod.ts`, with orders over
 * HTTP and all subscriptions over one WebSocket. Tested in tests/server/cli/tasks_test.ts.
 */
import { WebSocket } from "ws";
import { createWeirClient } from "../../../client/mod.ts";
import type { OpsStatus } from "../../../client/contract/ops_status.ts";
import type { Snapshot } from "../../../client/contract/snapshot.ts";
import type { OrderCalls } from "./sample_traffic.ts";

export interface DemoConnection {
  readonly orders: OrderCalls;
  /** Calls `onFrame` with each frame of these stores' dashboards. */
  watchStores(storeIds: readonly string[], onFrame: (frame: Snapshot) => void): void;
  /** Calls `onStatus` with the status of the instance, now and after each change. */
  watchStatus(onStatus: (status: OpsStatus) => void): void;
  /** Ends the subscriptions and the connection. */
  close(): Promise<void>;
}

export interface DemoConnectionOptions {
  /** The service, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly token: string;
  /** Called when a subscription has ended with an error. */
  readonly onProblem: (line: string) => void;
}

/** Connects to a service. */
export function connectDemo({ url, token, onProblem }: DemoConnectionOptions): DemoConnection {
  // Deno's own WebSocket is slow with messages over a kilobyte.
  const { api, close } = createWeirClient({ url, token, WebSocket });
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
        api.dashboard.live.subscribe({ storeId }, { onData, onError });
      }
    },
    watchStatus: (onStatus) => {
      api.ops.onStatus.subscribe(undefined, { onData: onStatus, onError });
    },
    close,
  };
}
