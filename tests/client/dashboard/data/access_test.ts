import { assertEquals } from "@std/assert";
import { TRPCClientError } from "@trpc/client";
import {
  isUnknownProcedure,
  lackOfFigures,
  mayHave,
} from "../../../../client/dashboard/data/access.ts";

const KEY = { name: "till 3", scopes: ["orders:write"], storeId: "shop" } as const;

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
