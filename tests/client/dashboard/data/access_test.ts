import { assertEquals } from "@std/assert";
import { TRPCClientError } from "@trpc/client";
import { SCOPES } from "../../../../client/contract/scope.ts";
import {
  type Access,
  isBrowserToken,
  isUnknownProcedure,
  lackOfFigures,
  mayFollow,
  storesOf,
  storeToShow,
} from "../../../../client/dashboard/data/access.ts";

const KEY = {
  name: "till 3",
  scopes: ["orders:write"],
  storeId: "shop",
  stores: ["shop"],
  currencies: null,
  procedures: null,
  expiresAt: null,
} as const;

Deno.test("lackOfFigures() says what a key may do and what is missing", () => {
  const lack = (scopes: Parameters<typeof lackOfFigures>[0]["scopes"]) =>
    lackOfFigures({ ...KEY, scopes }).replaceAll(/[\u2068\u2069]/g, "");
  const missing = "Figures need a key with the scope dashboard:read.";
  assertEquals(lack([]), `The key “till 3” may do nothing. ${missing}`);
  assertEquals(
    lack(["orders:write"]),
    `The key “till 3” may place and cancel orders. ${missing}`,
  );
  assertEquals(
    lack(["orders:write", "orders:read", "ops"]),
    "The key “till 3” may place and cancel orders, read orders and see and steer the actors. " +
      missing,
  );
});

Deno.test("lackOfFigures() keeps a name of the other direction to itself", () => {
  const sentence = lackOfFigures({ ...KEY, name: "קופה 3" });
  assertEquals(sentence.startsWith("The key “\u2068קופה 3\u2069” may place"), true);
});

Deno.test("mayFollow() needs the scope of the key and a procedure of the token, and forbids nothing where the server cannot tell", () => {
  const follows = (access: Access) =>
    (["dashboard.live", "ops.onStatus"] as const).map((path) => mayFollow(access, path));
  assertEquals(follows({ ...KEY, scopes: ["dashboard:read"] }), [true, false]);
  const all = { ...KEY, scopes: SCOPES };
  assertEquals(follows({ ...all, procedures: ["dashboard.live"] }), [true, false]);
  assertEquals(follows({ ...all, procedures: ["dashboard.snapshot"] }), [false, false]);
  assertEquals(follows({ ...KEY, procedures: ["dashboard.live", "ops.onStatus"] }), [false, false]);
  const { procedures: _, ...older } = all;
  assertEquals(follows(older as typeof all), [true, true]);
  assertEquals(follows(null), [true, true]);
});

Deno.test("lackOfFigures() names the procedure that a token lacks, where the key could", () => {
  const token = { ...KEY, scopes: SCOPES, procedures: ["orders.place"] };
  assertEquals(
    lackOfFigures(token).replaceAll(/[\u2068\u2069]/g, ""),
    "The token “till 3” shows no figures: it is not for dashboard.live.",
  );
});

Deno.test("isBrowserToken() tells a token from keys of every form", () => {
  assertEquals(isBrowserToken("eyJhbGciOiJFZERTQSJ9.eyJhdWQiOiJ3ZWlyIn0.c2ln-_"), true);
  const keys = [`weir_0123456789abcdef_${"x".repeat(43)}`, "a-key-for-tests", "shop.example"];
  assertEquals(keys.map(isBrowserToken), [false, false, false]);
});

Deno.test("isUnknownProcedure() knows the answer of an older server", () => {
  const answer = (code: string) =>
    TRPCClientError.from({ error: { message: "m", code: -32_004, data: { code } } });
  assertEquals(
    [answer("NOT_FOUND"), answer("UNAUTHORIZED"), new Error("NOT_FOUND")].map(isUnknownProcedure),
    [true, false, false],
  );
});

Deno.test("storeToShow() keeps to the stores of the key, and shows what was asked for among them", () => {
  const shown = (stores: readonly string[] | null, asked: string | null) =>
    storeToShow({ ...KEY, storeId: stores?.length === 1 ? stores[0]! : null, stores }, asked);
  assertEquals([shown(null, null), shown(null, "a")], [null, "a"]);
  assertEquals([shown(["a"], null), shown(["a"], "b")], ["a", "a"]);
  assertEquals([shown(["a", "b"], null), shown(["a", "b"], "b"), shown(["a", "b"], "c")], [
    "a",
    "b",
    "a",
  ]);
  assertEquals([storeToShow(null, "a"), storeToShow(null, null)], ["a", null]);
});

Deno.test("storesOf() understands an older server, which tells one store or none", () => {
  const { stores: _, ...older } = KEY;
  assertEquals(storesOf(older as typeof KEY), ["shop"]);
  assertEquals(storesOf({ ...older, storeId: null } as unknown as typeof KEY), null);
});
