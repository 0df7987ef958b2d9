/**
 * The ways of a call through the front give the same answers: the fast lane, the plain calls on
 * node:http, and tRPC's own adapter. Each request is sent in all three ways, to one instance.
 */
import { assert, assertEquals } from "@std/assert";
import { testSeed } from "../../../support/faults/fault_load.ts";
import { anyCall, type CallRequest, STILL_STORE } from "../../../support/load/any_calls.ts";
import { anInput } from "../../../support/load/orders.ts";
import { Random } from "../../../support/load/random.ts";
import { authorization } from "../../../support/load/raw_calls.ts";
import { KEY, withInstance } from "../../../support/services/instance.ts";
import { until } from "../../../support/services/services.ts";

const REQUESTS = 10_000;
const PARALLEL = 16;
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
/** All headers of an answer but those of the connection. */
const COMPARED = [
  "content-type",
  "vary",
  "cache-control",
  "x-content-type-options",
  "retry-after",
  "allow",
  "access-control-allow-origin",
  "location",
  "set-cookie",
];

type Way = "lane" | "plain" | "stock";
const WAYS: readonly Way[] = ["lane", "plain", "stock"];

/** The same request on another way. The lane gives a connection away at the first one of these headers. */
function onWay({ target, headers, ...request }: CallRequest, way: Way): CallRequest {
  if (way === "lane") return { ...request, target, headers };
  const all = { ...headers, "content-encoding": "identity" };
  if (way === "plain") return { ...request, target, headers: all };
  const asked = `${target.includes("?") ? "&" : "?"}connectionParams=null`;
  return { ...request, target: `${target}${asked}`, headers: all };
}

interface Answer {
  readonly status: number;
  readonly headers: readonly (string | null)[];
  readonly body: unknown;
}

async function answerOf(url: string, request: CallRequest, token: string | null): Promise<Answer> {
  const { method, target, headers, body } = request;
  const response = await fetch(`${url}${target}`, {
    method,
    headers: { ...authorization(token), ...headers },
    body,
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: COMPARED.map((name) => response.headers.get(name)),
    body: normal(text),
  };
}

/** An answer without what differs from call to call. */
function normal(text: string): unknown {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return text;
  }
  const one = (answer: unknown) => {
    if (typeof answer !== "object" || answer === null) return answer;
    if ("result" in answer) return { result: shapeOf(answer.result) };
    return JSON.parse(
      JSON.stringify(answer).replace(UUID, "id").replace(/"retryAfterMs":\d+/, '"retryAfterMs":0'),
    );
  };
  return Array.isArray(body) ? body.map(one) : one(body);
}

/** The fields of an answer and the kinds of their values. Of a list, the first one's. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      // An order that one of the ways has placed is refused or replayed in the same shape.
      name === "results" && Array.isArray(field) ? field.map(shapeOf) : shapeOf(field),
    ]),
  );
}

/** Places the order of a request under another key, so that each way places one of its own. */
function anew(request: CallRequest): CallRequest {
  const keys = (text: string) =>
    text.replace(/key-\d+-[0-9a-f-]{36}/g, () => `key-0-${crypto.randomUUID()}`);
  return { ...request, body: request.body === null ? null : keys(request.body) };
}

async function compare(url: string, request: CallRequest, token: string | null): Promise<Answer> {
  const answers = await Promise.all(
    WAYS.map((way) => answerOf(url, onWay(anew(request), way), token)),
  );
  const [lane, plain, stock] = answers;
  const told = JSON.stringify(request);
  assertEquals(lane, stock, `lane and stock, seed ${testSeed()}: ${told}`);
  assertEquals(plain, stock, `plain and stock, seed ${testSeed()}: ${told}`);
  return stock!;
}

Deno.test("ten thousand calls of every sort have one answer on each way", () =>
  withInstance(async ({ url, api }) => {
    for (let count = 0; count < 3; count++) {
      await api.orders.place.mutate(anInput({ storeId: STILL_STORE }));
    }
    for (const scope of [{}, { storeId: STILL_STORE }]) { // figures have one shape from here on
      await until(
        "the figures",
        async () => (await api.dashboard.snapshot.query(scope)).currencies.length > 0,
      );
    }
    const random = new Random(testSeed());
    const statuses = new Map<number, number>();
    let left = REQUESTS;
    const work = async () => {
      while (left-- > 0) {
        const { status } = await compare(url, anyCall(random), KEY);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    for (const status of [200, 207, 400, 404, 405, 415]) {
      assert((statuses.get(status) ?? 0) > 10, `${status}: ${JSON.stringify([...statuses])}`);
    }
  }));

const PLACE: CallRequest = {
  method: "POST",
  target: "/trpc/orders.place",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(anInput()),
};

Deno.test("a caller without a good key has one answer on each way", () =>
  withInstance(async ({ url, createKey }) => {
    const other = await createKey(["dashboard:read"]);
    const ofStore = await createKey(["orders:write"], "another-store");
    for (
      const [token, status] of [[null, 401], ["weir_wrong", 401], [other.token, 403], [
        ofStore.token,
        403,
      ]] as const
    ) {
      for (const body of [PLACE.body, "{", null]) {
        const answer = await compare(url, { ...PLACE, body }, token);
        if (body === PLACE.body) assertEquals(answer.status, status);
      }
    }
  }));

Deno.test("a body that is too large has one answer on each way", () =>
  withInstance(async ({ url }) => {
    const body = JSON.stringify({ ...anInput(), customerRef: "x".repeat(1_100_000) });
    assertEquals((await compare(url, { ...PLACE, body }, KEY)).status, 413);
    const many = JSON.stringify({ orders: Array.from({ length: 500 }, () => anInput()) });
    const target = "/trpc/orders.placeMany";
    assertEquals((await compare(url, { ...PLACE, target, body: many }, KEY)).status, 200);
    const paths = Array.from({ length: 201 }, () => "whoami").join(",");
    const batch = {
      ...PLACE,
      method: "GET",
      headers: {},
      body: null,
      target: `/trpc/${paths}?batch=1`,
    };
    assertEquals((await compare(url, batch, KEY)).status, 400);
  }));

Deno.test("refusals that say how long to wait say it in the head on each way", () =>
  withInstance(async ({ url }) => {
    const order = anInput();
    const places = Array.from(
      { length: 20 },
      () => ({ ...order, idempotencyKey: crypto.randomUUID() }),
    );
    for (const input of places) {
      await fetch(`${url}/trpc/orders.place`, {
        method: "POST",
        headers: { ...PLACE.headers, ...authorization(KEY) },
        body: JSON.stringify(input),
      }).then((response) => response.text());
    }
    const answer = await compare(url, PLACE, KEY);
    assertEquals(answer.status, 429);
    assert(answer.headers[COMPARED.indexOf("retry-after")] !== null);
  }, { environment: { WEIR_RATE_LIMIT_PER_SECOND: "1", WEIR_RATE_LIMIT_BURST: "1" } }));
