import { assertEquals } from "@std/assert";
import { TRPCClientError } from "@trpc/client";
import {
  isUnknownProcedure,
  lackOfFigures,
  mayHave,
  storesOf,
  storeToShow,
} from "../../../../client/dashboard/data/access.ts";

const KEY = {
  name: "till 3",
  scopes: ["orders:write"],
  storeId: "shop",
  stores: ["shop"],
  currencies: null,
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

Deno.test("mayHave() forbids nothing where the server cannot tell", () => {
  assertEquals([mayHave(KEY, "orders:write"), mayHave(KEY, "ops")], [true, false]);
  assertEquals(mayHave(null, "ops"), true);
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
