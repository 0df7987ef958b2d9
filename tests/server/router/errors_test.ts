import { assert, assertEquals } from "@std/assert";
import type { Scope } from "../../../client/contract/scope.ts";
import { KEY, withInstance } from "../../support/services/instance.ts";
import { anInput } from "../../support/load/orders.ts";
import { authorization, callHttp, RawSocket, request } from "../../support/load/raw_calls.ts";
import {
  type Call,
  expectError,
  expectNoStack,
  expectRefused,
  expectWait,
} from "../../support/load/refusals.ts";

const EVERY_CALL: readonly (readonly [Call["type"], string, Scope])[] = [
  ["mutation", "orders.place", "orders:write"],
  ["mutation", "orders.placeMany", "orders:write"],
  ["query", "orders.get", "orders:read"],
  ["query", "orders.list", "orders:read"],
  ["query", "dashboard.snapshot", "dashboard:read"],
  ["query", "ops.status", "ops"],
  ["mutation", "ops.aggregate", "ops"],
];

const place = (input: unknown, token: string | null = KEY): Call => ({
  type: "mutation",
  path: "orders.place",
  input,
  token,
});

Deno.test("invalid_input names each issue with its path, over HTTP and WebSocket", () =>
  withInstance(async ({ url, database: { sql } }) => {
    const { issues = [] } = await expectRefused(
      url,
      place({
        ...anInput({ storeId: "No Store", currency: "EURO" }),
        lines: [{ sku: "tea", quantity: 0, unitPriceMinor: 1.5 }],
        colour: "red",
      }),
      "invalid_input",
    );
    assertEquals(issues.map(({ path }) => path).sort(), [
      "",
      "currency",
      "lines.0.quantity",
      "lines.0.unitPriceMinor",
      "storeId",
    ]);
    for (const { message } of issues) assert(message.length > 0);
    const unmeasurable = { length: { toString: 1, valueOf: 2 } };
    const wrong: readonly unknown[] = [
      { ...anInput(), customerRef: unmeasurable },
      { ...anInput(), lines: unmeasurable },
      { ...anInput(), metadata: { note: unmeasurable } },
      undefined,
      null,
      [],
      "an order",
      anInput({ lines: [] }),
      anInput({ customerRef: "a\u0000b" }),
      anInput({ customerRef: "\ud800" }),
      anInput({ metadata: { "a\nb": "c" } }),
      anInput({ idempotencyKey: "kéy" }),
      anInput({ deadlineMs: 49 }),
      anInput({
        lines: Array(10).fill({ sku: "a", quantity: 1_000_000, unitPriceMinor: 1_000_000_000 }),
      }),
    ];
    for (const input of wrong) await expectRefused(url, place(input), "invalid_input");
    assertEquals((await sql`select from orders`).length, 0);
  }));

Deno.test("no key, a wrong one and a revoked one are unauthenticated on every procedure", () =>
  withInstance(async ({ url, createKey, revokeKey }) => {
    const known = await createKey(["orders:write"]);
    const revoked = await createKey(["orders:write"]);
    await revokeKey(revoked.keyId);
    const otherSecret = known.token.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
    for (const token of [null, "nonsense", otherSecret, revoked.token]) {
      // The input is wrong too, but the key is checked first.
      for (const [type, path] of EVERY_CALL) {
        await expectRefused(url, { type, path, input: { no: 1 }, token }, "unauthenticated");
      }
    }
    await expectRefused(url, place({ no: 1 }, known.token), "invalid_input");
  }));

Deno.test("a key without the scope is forbidden, and one with it is not", () =>
  withInstance(async ({ url, createKey }) => {
    const scopes: readonly Scope[] = ["orders:write", "orders:read", "dashboard:read", "ops"];
    for (const scope of scopes) {
      const { token } = await createKey([scope]);
      for (const [type, path, needed] of EVERY_CALL) {
        if (needed !== scope) {
          await expectRefused(url, { type, path, input: undefined, token }, "forbidden");
          continue;
        }
        const { text } = await callHttp(url, type, path, undefined, token);
        assert(!text.includes("forbidden"), text);
      }
    }
  }));

Deno.test("a key of one store is forbidden every other store, and all of them together", () =>
  withInstance(async ({ url, api, createKey, database: { sql } }) => {
    const { token } = await createKey(
      ["orders:write", "orders:read", "dashboard:read"],
      "store-1",
    );
    const theirs = await api.orders.place.mutate(anInput({ storeId: "store-2" }));
    const get = { storeId: "store-2", orderId: theirs.orderId };
    const calls: readonly Call[] = [
      place(anInput({ storeId: "store-2" }), token),
      { type: "query", path: "orders.get", input: get, token },
      { type: "query", path: "orders.list", input: { storeId: "store-2" }, token },
      { type: "query", path: "dashboard.snapshot", input: { storeId: "store-2" }, token },
      { type: "query", path: "dashboard.snapshot", input: {}, token },
      { type: "query", path: "dashboard.snapshot", input: undefined, token },
    ];
    for (const call of calls) await expectRefused(url, call, "forbidden");
    const socket = await RawSocket.open(url, token);
    for (const [path, input] of [["dashboard.live", {}], ["orders.onStatus", get]] as const) {
      const id = socket.subscribe(path, input);
      const answer = await socket.next(({ id: of, error }) => of === id && error !== undefined);
      expectError(answer.error, "forbidden");
    }
    await socket.close();
    const own = await callHttp(url, "mutation", "orders.place", anInput(), token);
    assertEquals(own.status, 200);
    assertEquals((await sql`select from orders`).length, 2);
  }));

Deno.test("placeMany answers each order by itself: a bad one never fails its neighbours", () =>
  withInstance(async ({ clientOf, createKey, database: { sql } }) => {
    const { token } = await createKey(["orders:write"], "store-1");
    const { api } = clientOf(token);
    const known = anInput();
    await api.orders.place.mutate(known);
    const { results } = await api.orders.placeMany.mutate({
      orders: [
        anInput(),
        anInput({ storeId: "store-2" }),
        anInput({ lines: [] }),
        { ...known, currency: "USD" },
        known,
      ],
    });
    const outcome = results.map((result) => result.ok ? result.replayed : result.error.reason);
    assertEquals(outcome, [false, "forbidden", "invalid_input", "idempotency_mismatch", true]);
    for (const result of results) {
      if (result.ok) continue;
      expectWait(result.error, result.error.reason);
      assert(result.error.code.length > 0 && result.error.message.length > 0);
    }
    const invalid = results[2];
    assert(invalid !== undefined && !invalid.ok);
    assertEquals(invalid.error.issues?.map(({ path }) => path), ["lines"]);
    assertEquals((await sql`select from orders`).length, 2);
  }));

Deno.test("placeMany takes 1 to 500 orders and nothing beside them", () =>
  withInstance(async ({ url, api }) => {
    for (
      const input of [{ orders: [] }, { orders: Array(501).fill(null) }, { orders: 1 }, {
        orders: [anInput()],
        storeId: "store-1",
      }]
    ) {
      const call: Call = { type: "mutation", path: "orders.placeMany", input, token: KEY };
      await expectRefused(url, call, "invalid_input");
    }
    const { results } = await api.orders.placeMany.mutate({
      orders: Array.from({ length: 500 }, () => anInput()),
    });
    assertEquals(results.map((result) => result.ok), Array(500).fill(true));
  }));

Deno.test("a missing order is not_found", () =>
  withInstance(async ({ url, api }) => {
    const { orderId } = await api.orders.place.mutate(anInput());
    for (
      const input of [
        { storeId: "store-2", orderId },
        { storeId: "store-1", orderId: "00000000-0000-5000-8000-000000000000" },
      ]
    ) {
      const call: Call = { type: "query", path: "orders.get", input, token: KEY };
      await expectRefused(url, call, "not_found");
    }
  }));

Deno.test("a key used with other content is idempotency_mismatch and stores nothing", () =>
  withInstance(async ({ url, api, database: { sql } }) => {
    const order = anInput({ metadata: {} });
    const first = await api.orders.place.mutate(order);
    const others = [
      { ...order, currency: "USD" },
      { ...order, customerRef: "c" },
      { ...order, metadata: { a: "b" } },
      { ...order, lines: [...order.lines, { sku: "b", quantity: 1, unitPriceMinor: 1 }] },
    ];
    for (const other of others) await expectRefused(url, place(other), "idempotency_mismatch");
    const { metadata: _, ...without } = order;
    const again = await api.orders.place.mutate({ ...without, deadlineMs: 30_000 });
    assertEquals(again, { ...first, replayed: true });
    assertEquals((await sql`select from orders`).length, 1);
  }));

Deno.test("an order whose content the database refuses is rejected, alone", () =>
  withInstance(async ({ url, api, database: { sql } }) => {
    await sql`alter table orders add constraint no_poison check (customer_ref <> 'poison')`;
    const poison = anInput({ customerRef: "poison" });
    const { results } = await api.orders.placeMany.mutate({
      orders: [anInput(), poison, anInput()],
    });
    assertEquals(results.map((result) => result.ok || result.error.reason), [
      true,
      "rejected",
      true,
    ]);
    await expectRefused(url, place(poison), "rejected");
    assertEquals((await sql`select from orders`).length, 2);
  }));

Deno.test("tRPC's own errors keep their codes and show no stack", () =>
  withInstance(async ({ url }) => {
    const json = { "content-type": "application/json", ...authorization(KEY) };
    const post = (body: BodyInit, headers = json) => ({ method: "POST", body, headers });
    const wrong: readonly (readonly [number, string, string, RequestInit])[] = [
      [404, "NOT_FOUND", "orders.nothing", post("{}")],
      [404, "NOT_FOUND", "", post("{}")],
      [404, "NOT_FOUND", "__proto__.toString", post("{}")],
      [405, "METHOD_NOT_SUPPORTED", "orders.place?input={}", { headers: json }],
      [405, "METHOD_NOT_SUPPORTED", "ops.status", post("{}")],
      [405, "METHOD_NOT_SUPPORTED", "ops.status", { method: "DELETE", headers: json }],
      [400, "BAD_REQUEST", "orders.place", post("{not json")],
      [400, "BAD_REQUEST", "orders.place?batch=1", post("{not json")],
      [400, "BAD_REQUEST", "orders.place?batch=1", post("[1")],
      [400, "BAD_REQUEST", "orders.get?input={not json", { headers: json }],
      [
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        "orders.place",
        post("{}", {
          ...json,
          "content-type": "text/plain",
        }),
      ],
    ];
    for (const [status, code, path, init] of wrong) {
      const answer = await request(`${url}/trpc/${path}`, init);
      const what = `${path}: ${answer.status} ${answer.text}`;
      assertEquals(answer.status, status, what);
      assert(answer.text.includes(code) || code === "BAD_REQUEST", what);
      expectNoStack(answer.text);
    }
  }));

Deno.test("a key's secret is never stored, and only the whole token opens", () =>
  withInstance(async ({ url, createKey, database: { sql } }) => {
    const { token, keyId } = await createKey(["ops"]);
    const rows = JSON.stringify(await sql`select * from api_keys where key_id = ${keyId}`);
    assert(!rows.includes(token.slice(-43))); // the secret
    for (const part of [keyId, token.slice(0, -1), `${token}A`, token.toUpperCase()]) {
      const call: Call = { type: "query", path: "ops.status", input: undefined, token: part };
      await expectRefused(url, call, "unauthenticated");
    }
  }));
