/**
 * The script of a page of another origin, bundled for a browser by pages_test.ts. It knows
 * the address and the key of a service, and calls it by hand or by tRPC's own links.
 */
import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpBatchStreamLink,
  httpSubscriptionLink,
  type TRPCLink,
  wsLink,
} from "@trpc/client";
import type { PlaceInput } from "../../../client/contract/order.ts";
import type { AppRouter } from "../../../client/mod.ts";
import { KeyedEvents } from "../../support/load/stock/keyed_events.ts";

export interface Target {
  readonly url: string;
  readonly key: string;
  readonly orders: readonly PlaceInput[];
}

/** The functions that the script puts on the page. */
export interface ForeignScript {
  /** Tries everything by hand. Each ends with the answer's text, or with `refused`. */
  readonly tryAll: (target: Target) => Promise<Record<string, string>>;
  /** Uses each of tRPC's links. */
  readonly useStockClient: (target: Target) => Promise<Record<string, string>>;
}

async function tryAll({ url, key, orders }: Target): Promise<Record<string, string>> {
  const [order] = orders;
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const body = JSON.stringify(order);
  const asked = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, init).then((answer) => answer.text(), () => "refused");
  const input = encodeURIComponent(JSON.stringify({ storeId: order?.storeId }));
  return {
    place: await asked("/trpc/orders.place", { method: "POST", headers, body }),
    "place without a preflight": await asked("/trpc/orders.place", { method: "POST", body }),
    list: await asked(`/trpc/orders.list?input=${input}`, { headers }),
    metrics: await asked("/metrics"),
    socket: await placedOverSocket(url, key, order),
  };
}

function placedOverSocket(url: string, token: string, input: unknown): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/trpc?connectionParams=1`);
    socket.onopen = () => {
      socket.send(JSON.stringify({ method: "connectionParams", data: { token } }));
      const params = { path: "orders.place", input };
      socket.send(JSON.stringify({ id: 1, method: "mutation", params }));
    };
    socket.onmessage = ({ data }) => {
      resolve(data);
      socket.close();
    };
    socket.onerror = () => resolve("refused");
  });
}

async function useStockClient({ url, key, orders }: Target): Promise<Record<string, string>> {
  const address = `${url}/trpc`;
  const headers = { authorization: `Bearer ${key}` };
  const [one, two] = orders as [PlaceInput, PlaceInput];
  const { storeId } = one;
  const http = clientOf(httpBatchLink({ url: address, headers }));
  const streamed = clientOf(httpBatchStreamLink({ url: address, headers }));
  const socket = createWSClient({
    url: address.replace("http", "ws"),
    connectionParams: { token: key },
  });
  KeyedEvents.headers = headers;
  const [placed, listed] = await Promise.all([
    http.orders.place.mutate(one),
    http.orders.list.query({ storeId }),
  ]);
  const answers = {
    "a call": placed.status,
    "a call beside it": String(Array.isArray(listed.orders)),
    "a stream of calls": (await streamed.orders.place.mutate(two)).status,
    "a socket": await firstFrame(clientOf(wsLink({ client: socket })), storeId),
    events: await firstFrame(
      clientOf(httpSubscriptionLink({ url: address, EventSource: KeyedEvents })),
      storeId,
    ),
    "a refusal": String((await fetch(`${address}/whoami`)).status),
  };
  await socket.close();
  return answers;
}

function clientOf(link: TRPCLink<AppRouter>) {
  return createTRPCClient<AppRouter>({ links: [link] });
}

function firstFrame(client: ReturnType<typeof clientOf>, storeId: string): Promise<string> {
  return new Promise((resolve) => {
    const subscription = client.dashboard.live.subscribe({ storeId }, {
      onData: ({ data }) => {
        resolve(data.scope);
        subscription.unsubscribe();
      },
      onError: (error) => resolve(error.message),
    });
  });
}

const script: ForeignScript = { tryAll, useStockClient };
Object.assign(globalThis, { foreign: script });
