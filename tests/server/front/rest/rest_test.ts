/** REST against a real instance. Each answer is held against the description. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { OrderPage } from "../../../../client/contract/order.ts";
import { holdTables } from "../../../support/faults/held_tables.ts";
import { aPoison, refusePoison } from "../../../support/faults/poison.ts";
import { anInput } from "../../../support/load/orders.ts";
import { type Answer, callHttp } from "../../../support/load/raw_calls.ts";
import { assertProblem, problemIn, rest, type RestRequest } from "../../../support/rest/calls.ts";
import { Description } from "../../../support/rest/description.ts";
import { KEY, withInstance } from "../../../support/services/instance.ts";
import { until } from "../../../support/services/services.ts";

const CONTENT = { currency: "EUR", lines: [{ sku: "tea", quantity: 2, unitPriceMinor: 450 }] };
const ORDERS = "/stores/berlin/orders";

/** Places an order under a key. */
function place(url: string, key: string, more: object = {}, options: RestRequest = {}) {
  const headers = { "idempotency-key": `"${key}"`, ...options.headers };
  return rest(url, ORDERS, { body: { ...CONTENT, ...more }, ...options, headers });
}

Deno.test("an order over REST is created, and the same key answers the first order again", () =>
  withInstance(async ({ url, api }) => {
    const described = await Description.of(url);
    const first = await place(url, "cart-1");
    const again = await place(url, "cart-1");
    const bare = await rest(url, ORDERS, {
      body: { ...CONTENT, storeId: "berlin" },
      headers: { "idempotency-key": "cart-1" },
    });
    const inBody = await rest(url, ORDERS, { body: { ...CONTENT, idempotencyKey: "cart-1" } });
    const all = [first, again, bare, inBody];
    assertEquals(all.map(({ status }) => status), [201, 200, 200, 200]);
    for (const answer of all) described.check("placeOrder", answer);
    const ids = all.map(({ body }) => (body as { orderId: string }).orderId);
    assertEquals(new Set(ids).size, 1);
    const place_ = new URL(first.headers.get("location")!, `${url}/api/v1${ORDERS}`);
    assertEquals(place_.pathname, `/api/v1${ORDERS}/${ids[0]}`);
    const order = await rest(url, `/${place_.pathname}`);
    described.check("getOrder", order);
    assertEquals(order.body, await api.orders.get.query({ storeId: "berlin", orderId: ids[0]! }));
    assertEquals(again.body, { ...first.body as object, replayed: true });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assertMatch(metrics, /^weir_orders_total\{outcome="committed"\} 1$/m);
    assertMatch(metrics, /^weir_orders_total\{outcome="replayed"\} 3$/m);
  }));

Deno.test("one key by REST and by tRPC at the same time is one order", () =>
  withInstance(async ({ url, database: { sql } }) => {
    const order = anInput({ storeId: "berlin", idempotencyKey: "both", ...CONTENT });
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        if (index % 2 === 0) return (await place(url, "both")).body as { replayed: boolean };
        const { body } = await callHttp(url, "mutation", "orders.place", order, KEY);
        return (body as { result: { data: { replayed: boolean } } }).result.data;
      }),
    );
    assertEquals(answers.filter(({ replayed }) => !replayed).length, 1);
    assertEquals(new Set(answers.map((one) => JSON.stringify({ ...one, replayed: true }))).size, 1);
    assertEquals((await sql`select from orders`).length, 1);
  }));

Deno.test("a key without its form, without its twin and with other content stores nothing", () =>
  withInstance(async ({ url, database: { sql } }) => {
    const described = await Description.of(url);
    await place(url, "used");
    const refused: [Answer, number, string, string][] = [
      [await rest(url, ORDERS, { body: CONTENT }), 400, "invalid_input", "Idempotency-Key"],
      [
        await place(url, "a", { idempotencyKey: "b" }),
        400,
        "invalid_input",
        "idempotencyKey",
      ],
      [
        await rest(url, ORDERS, { body: CONTENT, headers: { "idempotency-key": '"a' } }),
        400,
        "invalid_input",
        "Idempotency-Key",
      ],
      [await place(url, "a", { storeId: "paris" }), 400, "invalid_input", "storeId"],
      [await place(url, "a", { currency: "eur" }), 400, "invalid_input", "currency"],
      [await place(url, "ä"), 400, "invalid_input", "Idempotency-Key"],
      [await place(url, "used", { currency: "USD" }), 422, "idempotency_mismatch", ""],
    ];
    for (const [answer, status, reason, path] of refused) {
      described.check("placeOrder", answer);
      assertProblem(answer, status, reason);
      if (path !== "") assertEquals(problemIn(answer).issues?.[0]?.path, path);
    }
    assertEquals((await sql`select from orders`).length, 1);
  }));

Deno.test("a batch over REST answers each order, and refuses an order of another store as a whole", () =>
  withInstance(async ({ url, database: { sql } }) => {
    const described = await Description.of(url);
    const batch = (orders: unknown) => rest(url, `${ORDERS}/batch`, { body: { orders } });
    const foreign = await batch([
      { ...CONTENT, idempotencyKey: "1" },
      anInput({ storeId: "paris" }),
    ]);
    assertProblem(foreign, 400, "invalid_input");
    assertEquals((await sql`select from orders`).length, 0);
    const answer = await batch([
      { ...CONTENT, idempotencyKey: "1" },
      { ...CONTENT, idempotencyKey: "2", lines: [] },
      { ...CONTENT, idempotencyKey: "3", storeId: "berlin" },
      null,
    ]);
    described.check("placeOrders", answer);
    const { results } = answer.body as { results: { ok: boolean }[] };
    assertEquals(results.map(({ ok }) => ok), [true, false, true, false]);
    assertEquals((await sql`select store_id from orders`).map(({ store_id }) => store_id), [
      "berlin",
      "berlin",
    ]);
  }));

Deno.test("pages over REST are linked, and the links lead to every order once", () =>
  withInstance(async ({ url }) => {
    const described = await Description.of(url);
    const orders = Array.from(
      { length: 7 },
      (_, index) => ({ ...CONTENT, idempotencyKey: `${index}` }),
    );
    await rest(url, `${ORDERS}/batch`, { body: { orders } });
    const seen: string[] = [];
    let place: URL | null = new URL(`${url}/api/v1${ORDERS}?limit=3&status=committed`);
    let pages = 0;
    while (place !== null) {
      assertEquals(place.searchParams.get("status"), "committed");
      const answer: Answer = await rest(url, `/${place.pathname}${place.search}`);
      described.check("listOrders", answer);
      const { orders, nextCursor } = answer.body as OrderPage;
      seen.push(...orders.map(({ orderId }) => orderId));
      const [, next] = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get("link") ?? "") ?? [];
      assertEquals(next === undefined, nextCursor === null);
      place = next === undefined ? null : new URL(next, place);
      pages++;
    }
    assertEquals([pages, seen.length, new Set(seen).size], [3, 7, 7]);
  }));

Deno.test("an order that the database refuses is 422 with its letter, which operators replay or discard", () =>
  withInstance(async ({ url, database: { sql } }) => {
    const described = await Description.of(url);
    await refusePoison(sql);
    const { storeId: _, ...poison } = aPoison();
    const rejected = await rest(url, ORDERS, { body: poison });
    described.check("placeOrder", rejected);
    assertProblem(rejected, 422, "rejected");
    const id = problemIn(rejected).deadLetterId!;
    assertEquals(problemIn(rejected).rule?.constraint, "no_poison");
    const calls: [string, string, RestRequest, number, string | undefined][] = [
      ["listDeadLetters", "/dead-letters?storeId=berlin", {}, 200, undefined],
      ["getDeadLetter", `/dead-letters/${id}`, {}, 200, undefined],
      [
        "replayDeadLetters",
        "/dead-letters/replay",
        { body: { limit: 1, dryRun: true } },
        200,
        undefined,
      ],
      ["replayDeadLetter", `/dead-letters/${id}/replay`, { method: "POST" }, 422, "rejected"],
      ["discardDeadLetter", `/dead-letters/${id}/discard`, { body: {} }, 400, "invalid_input"],
      [
        "discardDeadLetter",
        `/dead-letters/${id}/discard`,
        { body: { reason: "a" } },
        200,
        undefined,
      ],
      [
        "discardDeadLetter",
        `/dead-letters/${id}/discard`,
        { body: { reason: "a" } },
        409,
        "letter_closed",
      ],
      ["getDeadLetter", `/dead-letters/${crypto.randomUUID()}`, {}, 404, "not_found"],
    ];
    for (const [operation, path, options, status, reason] of calls) {
      const answer = await rest(url, path, options);
      assertEquals([answer.status, problemIn(answer).reason], [
        status,
        status === 200 && operation !== "listDeadLetters" ? problemIn(answer).reason : reason,
      ], `${path} ${answer.text}`);
      described.check(operation, answer);
    }
  }));

Deno.test("a spilled order is 202, and a read of the database is 503 meanwhile", () =>
  withInstance(async ({ url, database }) => {
    const described = await Description.of(url);
    const held = await holdTables(database, ["orders"]);
    const answer = await place(url, "cart-1");
    described.check("placeOrder", answer);
    assertEquals([answer.status, (answer.body as { status: string }).status], [202, "spilled"]);
    const away = await rest(url, ORDERS);
    described.check("listOrders", away);
    assertProblem(away, 503, "unavailable");
    assertMatch(away.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    await held.release();
    const { orderId } = answer.body as { orderId: string };
    await until(
      "the order to be drained",
      async () =>
        (await rest(url, `${ORDERS}/${orderId}/status`, { token: KEY })).text.includes("committed"),
    );
  }, { environment: { WEIR_STATEMENT_TIMEOUT_MS: "500" } }));

Deno.test("a key over its rate is 429 with the time to wait", () =>
  withInstance(async ({ url }) => {
    const described = await Description.of(url);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => place(url, `cart-${index}`)),
    );
    const refused = answers.filter(({ status }) => status === 429);
    assert(refused.length > 0);
    for (const answer of refused) {
      described.check("placeOrder", answer);
      assertProblem(answer, 429, "rate_limited");
      assertMatch(answer.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    }
  }, { environment: { WEIR_RATE_LIMIT_PER_SECOND: "1", WEIR_RATE_LIMIT_BURST: "1" } }));

Deno.test("operators fold, audit and read the status; any key learns what it may do", () =>
  withInstance(async ({ url, createKey }) => {
    const described = await Description.of(url);
    const { token } = await createKey(["dashboard:read"], "berlin");
    const calls: [string, string, RestRequest, number][] = [
      ["aggregate", "/aggregate", { method: "POST" }, 200],
      ["audit", "/audit", { method: "POST" }, 200],
      ["audit", "/audit", { body: { buckets: 3 } }, 200],
      ["getStatus", "/status", {}, 200],
      ["whoami", "/whoami", { token }, 200],
      ["getFigures", "/figures", {}, 200],
      ["getFigures", "/figures", { token }, 403],
      ["getStoreFigures", "/stores/berlin/figures", { token }, 200],
      ["getStoreFigures", "/stores/paris/figures", { token }, 403],
      ["getStatus", "/status", { token }, 403],
      ["getStatus", "/status", { token: "weir_wrong" }, 401],
      ["getStatus", "/status", { token: null }, 401],
    ];
    for (const [operation, path, options, status] of calls) {
      const answer = await rest(url, path, options);
      assertEquals(answer.status, status, `${path} ${answer.text}`);
      described.check(operation, answer);
      assertEquals(answer.headers.get("www-authenticate"), status === 401 ? "Bearer" : null);
    }
  }));
