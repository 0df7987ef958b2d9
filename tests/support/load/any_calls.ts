/** Requests for calls of every sort, from a seed: good, bad, batched, half failing, and of odd forms. */
import { NO_ID } from "../../wire/calls.ts";
import { anInput } from "./orders.ts";
import type { Random } from "./random.ts";

export interface CallRequest {
  readonly method: string;
  /** The path and the query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** A store to which nothing is written, so that all its answers stay the same. */
export const STILL_STORE = "still";

const QUERIES = ["orders.get", "orders.list", "dashboard.snapshot", "ops.status", "whoami"];
const MUTATIONS = ["orders.place", "orders.placeMany", "orders.cancel"];
const NO_CALLS = ["orders.none", "orders", "", "orders.place.more", "toString", "__proto__", "%20"];
const WORDS = ["", "tea", "Ärger", "😀", "\u0000", "\ud800", " a b ", "null", '"', "\\"];

/** A request. About half of them are such as a client of tRPC sends. */
export function anyCall(random: Random): CallRequest {
  const isQuery = random.chance(0.4);
  const isBatch = random.chance(0.4);
  const own = isQuery ? QUERIES : MUTATIONS;
  const paths = Array.from(
    { length: isBatch ? random.int(1, 4) : 1 },
    () =>
      random.chance(0.9) ? random.pick(own) : random.pick([...QUERIES, ...MUTATIONS, ...NO_CALLS]),
  );
  const inputs = paths.map((path) => inputOf(path, random));
  const input = isBatch ? batchOf(inputs, random) : inputs[0];
  const text = textOf(input, random);
  const query = new URLSearchParams();
  if (isBatch) query.set("batch", random.chance(0.95) ? "1" : "2");
  const method = random.chance(0.95)
    ? isQuery ? "GET" : "POST"
    : random.pick(["GET", "POST", "PUT"]);
  if (method === "GET" && text !== undefined) query.set("input", text);
  const asked = query.toString();
  const hasBody = method !== "GET" && text !== undefined;
  return {
    method,
    target: `/trpc/${paths.join(",")}${asked === "" ? "" : `?${asked}`}`,
    headers: method === "GET" ? {} : { "content-type": contentTypeOf(random) },
    body: hasBody ? text : null,
  };
}

function inputOf(path: string, random: Random): unknown {
  if (random.chance(0.15)) return oddValue(random);
  const order = { storeId: STILL_STORE, orderId: NO_ID };
  switch (path) {
    case "orders.place":
      return placed(random);
    case "orders.placeMany":
      return { orders: Array.from({ length: random.int(0, 4) }, () => placed(random)) };
    case "orders.get":
    case "orders.cancel":
      return order;
    case "orders.list":
      return { storeId: STILL_STORE, ...(random.chance(0.5) ? { limit: random.int(0, 3) } : {}) };
    case "dashboard.snapshot":
      return random.chance(0.5) ? {} : { storeId: STILL_STORE };
    default:
      return undefined;
  }
}

function placed(random: Random): unknown {
  const order = anInput({ storeId: `store-${random.int(1, 3)}`, customerRef: random.pick(WORDS) });
  if (random.chance(0.7)) return order;
  const field = random.pick(["storeId", "currency", "lines", "metadata", "colour", "__proto__"]);
  return { ...order, [field]: oddValue(random) };
}

function batchOf(inputs: readonly unknown[], random: Random): unknown {
  if (random.chance(0.1)) return random.pick([inputs, null, "text", 5, []]);
  const entries = inputs.map((input, index) => [index, input]);
  return Object.fromEntries(random.chance(0.1) ? entries.slice(1) : entries);
}

function oddValue(random: Random): unknown {
  if (random.chance(0.1)) return undefined;
  return random.pick<unknown>([null, 0, -1, 1e300, true, [], {}, { a: [{}] }, ...WORDS]);
}

function textOf(input: unknown, random: Random): string | undefined {
  const text = JSON.stringify(input);
  if (text === undefined || random.chance(0.9)) return text;
  return random.pick([text.slice(0, -1), `${text} `, `\ufeff${text}`, "", "{", `${text}x`]);
}

function contentTypeOf(random: Random): string {
  if (random.chance(0.9)) return "application/json";
  return random.pick([
    "application/json; charset=utf-8",
    "Application/JSON",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
  ]);
}
