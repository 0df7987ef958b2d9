/**
 * Random malformed calls, each made from a seed alone. Clients with bugs send such calls, and so do
 * people that look for holes. Some calls come out well formed, which does no harm.
 */
import { authorization } from "../load/raw_calls.ts";
import { anInput } from "../load/orders.ts";
import type { Random } from "../load/random.ts";

export interface MalformedRequest {
  /** Everything after the host. */
  readonly target: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
}

const PATHS = [
  "orders.place",
  "orders.place",
  "orders.place",
  "orders.placeMany",
  "orders.placeMany",
  "orders.get",
  "orders.list",
  "orders.onStatus",
  "dashboard.snapshot",
  "dashboard.live",
  "dashboard.livePatches",
  "ops.status",
  "ops.onStatus",
  "ops.aggregate",
];
const ODD_PATHS = [
  "",
  "/",
  ".",
  "..",
  ",",
  ",,,",
  "orders",
  "orders.",
  "orders.place.",
  "orders.nothing",
  "orders.place,orders.get",
  "orders.place,orders.placeMany,nothing",
  "ops.status,dashboard.snapshot",
  "dashboard.live,ops.onStatus",
  "__proto__",
  "constructor",
  "orders.__proto__",
  "orders.constructor.name",
  "toString",
  "_def.procedures",
  "%E0%A4%A",
  "%00",
  "%2e%2e%2f",
  "a".repeat(5_000),
  "orders.place,".repeat(50),
];
const KEYS = [
  "storeId",
  "idempotencyKey",
  "currency",
  "lines",
  "customerRef",
  "metadata",
  "deadlineMs",
  "orders",
  "orderId",
  "limit",
  "cursor",
  "status",
  "lastEventId",
  "maxFramesPerSecond",
  "__proto__",
  "constructor",
  "toString",
  "",
  "0",
  "length",
];
const MUTATIONS = /place|aggregate/;
/** Pieces of JSON that have broken programs before. */
const ODD_JSON = [
  "null",
  "true",
  "0",
  "-0",
  "-1",
  "1.5",
  "1e400",
  "-1e400",
  "1e-400",
  "9007199254740993",
  "123456789012345678901234567890",
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u202e\\ufeff"',
  '"__proto__"',
  '"1970-01-01T00:00:00Z"',
  `"${"x".repeat(3_000)}"`,
  "[]",
  "[null]",
  "[[]]",
  "{}",
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"toString":1,"valueOf":2,"then":"x","length":-1}',
  '{"":null}',
  `[${"0,".repeat(2_000)}0]`,
];

/** A value as JSON text, nested up to `depth`. */
function oddJson(random: Random, depth = 3): string {
  if (depth === 0 || random.chance(0.5)) return random.pick(ODD_JSON);
  const parts = Array.from({ length: random.int(0, 5) }, () => oddJson(random, depth - 1));
  if (random.chance(0.4)) return `[${parts.join()}]`;
  return `{${parts.map((part) => `${JSON.stringify(random.pick(KEYS))}:${part}`).join()}}`;
}

/** A good order, as JSON text, with one to three mistakes. */
function brokenOrder(random: Random): string {
  let text = JSON.stringify(anInput({
    storeId: random.pick(["store-1", "store-2"]),
    customerRef: "somebody",
    metadata: { channel: "web" },
    deadlineMs: random.int(50, 30_000),
  }));
  for (let mistake = random.int(1, 3); mistake > 0; mistake--) {
    const values = [...text.matchAll(/:("(?:[^"\\]|\\.)*"|-?\d+|\[.*\]|\{[^{}]*\})/g)];
    const { index = 0, 0: found = "" } = values.length === 0 ? {} : random.pick(values);
    text = `${text.slice(0, index)}:${oddJson(random)}${text.slice(index + found.length)}`;
  }
  return text;
}

function nested(random: Random): string {
  const depth = random.int(100, 20_000);
  const [open, close] = random.pick([["[", "]"], ['{"a":', "}"], ['{"lines":[', "]}"]] as const);
  return open.repeat(depth) + (random.chance(0.5) ? "1" : "") + close.repeat(depth);
}

function randomBytes(random: Random): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: random.int(0, 300) }, () => random.int(0, 255));
}

/** Text or bytes where JSON is expected. */
function oddText(random: Random): string | Uint8Array<ArrayBuffer> {
  switch (random.int(0, 7)) {
    case 0:
      return randomBytes(random);
    case 1:
      return nested(random);
    case 2: {
      const text = brokenOrder(random);
      return text.slice(0, random.int(0, text.length));
    }
    case 3:
      return oddJson(random, 5);
    case 4:
      return `{"0":${brokenOrder(random)},"1":${oddJson(random)},"2":null,"-1":1}`;
    case 5:
      return `{"orders":[${brokenOrder(random)},${oddJson(random)},${brokenOrder(random)}]}`;
    default:
      return brokenOrder(random);
  }
}

function oddQuery(random: Random): string {
  const input = encodeURIComponent(
    random.chance(0.7) ? oddJson(random, 4).slice(0, 4_000) : "{not json",
  );
  return random.pick([
    "",
    "",
    "?",
    "?batch=1",
    "?batch=1&batch=1",
    "?batch=2",
    "?batch",
    `?input=${input}`,
    `?batch=1&input=${input}`,
    `?batch=1&input=${encodeURIComponent('{"0":{"storeId":1},"x":2}')}`,
    "?input=%E0%A4%A",
    `?lastEventId=${input}`,
    `?connectionParams=${input}`,
    `?${"a=b&".repeat(200)}`,
  ]);
}

export function malformedRequest(random: Random, key: string): MalformedRequest {
  const path = random.pick(random.chance(0.85) ? PATHS : ODD_PATHS);
  const method = random.chance(0.95)
    ? (MUTATIONS.test(path) || random.chance(0.1) ? "POST" : "GET")
    : random.pick(["PUT", "PATCH", "DELETE", "OPTIONS"]);
  const headers: Record<string, string> = {
    ...authorization(random.chance(0.9) ? key : random.pick([null, "wrong", "weir_0_0"])),
  };
  const contentType = random.pick([
    ...Array<string>(40).fill("application/json"),
    "application/json; charset=utf-16",
    "text/plain",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    ";;;",
    null,
  ]);
  if (contentType !== null) headers["content-type"] = contentType;
  const accept = random.pick([null, null, null, null, "text/event-stream", "application/jsonl"]);
  if (accept !== null) headers[random.pick(["accept", "trpc-accept"])] = accept;
  if (random.chance(0.1)) headers["last-event-id"] = random.pick(["1:1", "x", "9".repeat(40)]);
  return {
    target: `/trpc/${path}${oddQuery(random)}`,
    method,
    headers,
    body: method === "GET" || random.chance(0.05) ? null : oddText(random),
  };
}

/** A message for an open WebSocket: an envelope with mistakes, or no envelope at all. */
export function malformedMessage(random: Random): string | Uint8Array<ArrayBuffer> {
  const share = random.next();
  if (share < 0.25) return oddText(random);
  if (share < 0.3) return random.pick(["PING", "PONG", "", " ", "null", "[]", "\u0000"]);
  if (share < 0.4) {
    const parts = Array.from({ length: random.int(0, 30) }, () => envelope(random));
    return `[${parts.join()}]`;
  }
  const text = envelope(random);
  return random.chance(0.1) ? new TextEncoder().encode(text) : text;
}

function envelope(random: Random): string {
  const id = random.chance(0.7)
    ? String(random.int(1, 20)) // few ids, so that many come twice
    : random.pick(["null", '"x"', "-1", "1.5", "1e400", "{}", "[]", "true", '"__proto__"']);
  const method = random.chance(0.8)
    ? random.pick(["query", "mutation", "mutation", "subscription", "subscription.stop"])
    : random.pick(["", "reconnect", "connectionParams", "__proto__", "subscription.start"]);
  const path = random.pick(random.chance(0.8) ? PATHS : ODD_PATHS);
  const input = random.chance(0.5) ? brokenOrder(random) : oddJson(random, 4);
  const more = random.pick(["", "", "", `,"lastEventId":${oddJson(random, 1)}`]);
  const params = random.chance(0.9)
    ? `{"path":${JSON.stringify(path)},"input":${input}${more}}`
    : oddJson(random);
  const jsonrpc = random.chance(0.1) ? `,"jsonrpc":${oddJson(random, 1)}` : "";
  return `{"id":${id},"method":${JSON.stringify(method)},"params":${params}${jsonrpc}}`;
}

/** The first message of a client on a connection with `?connectionParams=1`. */
export function connectionParams(random: Random, key: string): string | Uint8Array<ArrayBuffer> {
  const good = JSON.stringify({ method: "connectionParams", data: { token: key } });
  if (random.chance(0.7)) return good;
  return random.pick([
    good.slice(0, -1),
    `{"method":"connectionParams","data":${oddJson(random)}}`,
    '{"method":"connectionParams","data":{"token":1}}',
    '{"method":"connectionParams","data":{"__proto__":{"token":"x"}}}',
    oddText(random),
  ]);
}
