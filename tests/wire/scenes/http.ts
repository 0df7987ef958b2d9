/** tRPC over HTTP: batches, streams, and requests that are refused before any procedure. */
import { KEY } from "../../support/services/instance.ts";
import { authorization } from "../../support/load/raw_calls.ts";
import { anOrder, NO_ID, PROCEDURES } from "../calls.ts";
import type { HttpRequest } from "../raw_http.ts";
import { scene } from "../scene.ts";
import type { Wire } from "../wire.ts";

const JSON_TYPE = { "content-type": "application/json" };
const BOUND_BYTES = 1_048_576;

export const http = scene("http", async (wire) => {
  await playBatches(wire);
  await playOwnErrors(wire);
  await playMethods(wire);
  await playCredentials(wire);
  await wire.http("a body over the bound", {
    ...post("orders.place"),
    headers: {
      ...JSON_TYPE,
      ...authorization(KEY),
      "content-length": String(BOUND_BYTES + 1),
    },
  });
});

function post(path: string, body?: string): HttpRequest {
  return {
    method: "POST",
    target: `/trpc/${path}`,
    headers: { ...JSON_TYPE, ...authorization(KEY) },
    ...(body === undefined ? {} : { body }),
  };
}

function get(path: string, input?: unknown, headers: Record<string, string> = {}): HttpRequest {
  const query = input === undefined ? "" : `input=${encodeURIComponent(JSON.stringify(input))}`;
  const sign = path.includes("?") ? "&" : "?";
  return {
    method: "GET",
    target: `/trpc/${path}${query === "" ? "" : sign + query}`,
    headers: { ...authorization(KEY), ...headers },
  };
}

async function playBatches(wire: Wire): Promise<void> {
  const [one, two] = [anOrder("batch-1"), anOrder("batch-2")];
  const get2 = { storeId: "store-1", orderId: NO_ID };
  const list = { storeId: "store-3" };
  await wire.http("a batch of one", post("orders.place?batch=1", JSON.stringify({ 0: one })));
  await wire.http(
    "a batch of two, one of them refused",
    post("orders.place,orders.place?batch=1", JSON.stringify({ 0: two, 1: { ...two, lines: [] } })),
  );
  await wire.http(
    "a batch, all refused",
    post("orders.cancel,orders.cancel?batch=1", JSON.stringify({ 0: get2, 1: {} })),
  );
  await wire.http(
    "a batch of queries",
    get("orders.list,orders.get,orders.nothing?batch=1", { 0: list, 1: get2 }),
  );
  await wire.http("a batch of a query and a mutation", {
    ...post("orders.list,orders.place?batch=1", JSON.stringify({ 0: list, 1: one })),
  });
  await wire.http(
    "a batch with a subscription",
    get("orders.list,orders.onStatus?batch=1", { 0: list, 1: get2 }),
  );
  await wire.http("a batch without inputs", get("orders.list,ops.nothing?batch=1"));
  await wire.http(
    "a batch as lines of JSON",
    get("orders.list?batch=1", { 0: list }, { "trpc-accept": "application/jsonl" }),
  );
}

async function playOwnErrors(wire: Wire): Promise<void> {
  await wire.http("no such procedure", post("orders.nothing", "{}"));
  await wire.http("no such procedure, by GET", get("orders.nothing"));
  await wire.http("no path", post("", "{}"));
  await wire.http("no path and no slash", { method: "GET", target: "/trpc" });
  await wire.http("a path of the prototype", post("__proto__.toString", "{}"));
  await wire.http("a router's path", get("orders"));
  await wire.http("not JSON", post("orders.place", "{not json"));
  await wire.http("not JSON, batched", post("orders.place?batch=1", "{not json"));
  await wire.http("half of JSON, batched", post("orders.place?batch=1", "[1"));
  await wire.http("a query's input is not JSON", {
    method: "GET",
    target: "/trpc/orders.get?input={not json".replaceAll(" ", "%20"),
    headers: authorization(KEY),
  });
  await wire.http("text", {
    ...post("orders.place", "{}"),
    headers: { "content-type": "text/plain", ...authorization(KEY) },
  });
  await wire.http("no content type", {
    ...post("orders.place", "{}"),
    headers: authorization(KEY),
  });
  await wire.http("a form", {
    ...post("orders.place", "a=b"),
    headers: { "content-type": "application/x-www-form-urlencoded", ...authorization(KEY) },
  });
  await wire.http("a GET that asks for an upgrade and says no more", {
    method: "GET",
    target: "/trpc",
    headers: { upgrade: "websocket" },
  });
}

async function playMethods(wire: Wire): Promise<void> {
  for (const { type, path, input } of PROCEDURES) {
    if (type === "mutation") await wire.http(`a mutation by GET: ${path}`, get(path, input));
    else await wire.http(`a ${type} by POST: ${path}`, post(path, JSON.stringify(input ?? {})));
  }
  for (const method of ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"]) {
    await wire.http(`a query by ${method}`, { ...get("ops.status"), method });
    await wire.http(`a mutation by ${method}`, { ...post("orders.place", "{}"), method });
  }
}

async function playCredentials(wire: Wire): Promise<void> {
  const list = { storeId: "store-3" };
  const of = (value: string) => ({ token: null, headers: { authorization: value } });
  await wire.query("the scheme in small letters", "orders.list", list, of(`bearer ${KEY}`));
  await wire.query("two spaces before the key", "orders.list", list, of(`Bearer  ${KEY}`));
  await wire.query("another scheme", "orders.list", list, of(`Basic ${KEY}`));
  await wire.query("a key without a scheme", "orders.list", list, of(KEY));
  await wire.query("a key that is not there", "orders.list", list, of("Bearer nonsense"));
}
