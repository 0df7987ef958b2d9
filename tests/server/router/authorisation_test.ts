/**
 * The matrix of who may call what: every procedure, with every kind of key and of token, about the
 * key's own store, another store and none, in every way of calling. All ways give the same answer.
 */
import { assertEquals } from "@std/assert";
import { type Scope, SCOPES } from "../../../client/contract/scope.ts";
import { PROCEDURES as TOKEN_PROCEDURES } from "../../../client/contract/tokens/claims.ts";
import { appRouter } from "../../../server/router/mod.ts";
import { outcomeOf, type Rights, storesOf, TABLE } from "../../support/access/table.ts";
import { type Kind, tokenKinds } from "../../support/access/token_kinds.ts";
import { type AnyCall, Caller } from "../../support/access/ways.ts";
import { aPoison, refusePoison, rejected } from "../../support/faults/poison.ts";
import { type InstanceTest, KEY, withInstance } from "../../support/services/instance.ts";

/** Every procedure of the router with its type, in whatever file it is. */
const PROCEDURES = Object.entries(appRouter._def.procedures).map(([path, procedure]) => ({
  path,
  type: (procedure as unknown as { _def: { type: AnyCall["type"] } })._def.type,
}));

type Procedures = readonly typeof PROCEDURES[number][];

async function kindsOf({ createKey, revokeKey }: InstanceTest): Promise<readonly Kind[]> {
  const revoked = await createKey(SCOPES);
  await revokeKey(revoked.keyId);
  const unknown = revoked.token.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
  const rightsOf = (scopes: readonly Scope[], isForAllStores = true) => ({
    scopes,
    isForAllStores,
  });
  const kind = async (name: string, rights: Rights & object, stores?: readonly string[]) => {
    const { token } = await createKey(rights.scopes, stores);
    return { name, token, rights };
  };
  return [
    { name: "no key", token: null, rights: null },
    { name: "a key of the wrong form", token: "nonsense", rights: null },
    { name: "an unknown key", token: unknown, rights: null },
    { name: "a revoked key", token: revoked.token, rights: null },
    ...await Promise.all(SCOPES.map((scope) => kind(`a key for ${scope}`, rightsOf([scope])))),
    await kind("a key for nothing", rightsOf([])),
    await kind("a key for all", rightsOf(SCOPES)),
    await kind("a key for one store", rightsOf(SCOPES, false), ["own"]),
    await kind("a key for several stores", rightsOf(SCOPES, false), ["second", "own"]),
    { name: "the development key", token: KEY, rights: rightsOf(SCOPES) },
  ];
}

/** A closed dead letter of each store. */
async function closedLetters({ api, database: { sql } }: InstanceTest) {
  await refusePoison(sql);
  const letterOf = async (storeId: string) => {
    const id = await rejected(api, aPoison({ storeId }));
    await api.ops.deadLetters.discard.mutate({ id, reason: "for the test" });
    return id;
  };
  return { own: await letterOf("own"), other: await letterOf("other"), none: "" };
}

Deno.test("the table of who may call what has every procedure of the router, and no other", () => {
  assertEquals(PROCEDURES.map(({ path }) => path).sort(), Object.keys(TABLE).sort());
  assertEquals([...TOKEN_PROCEDURES].sort(), Object.keys(TABLE).sort());
});

Deno.test("every procedure tells every kind of key and token the same in every way of calling it, as the table says", () =>
  withInstance(async (instance) => {
    const { url } = instance;
    const letters = await closedLetters(instance);
    const wrong: string[] = [];
    let cells = 0;
    const check = (what: string, expected: string, words: readonly string[]) => {
      cells++;
      if (words.length > 0 && words.every((word) => word === expected)) return;
      wrong.push(`${what}: ${words.join(", ")} instead of ${expected}`);
    };
    const callEach = async (caller: Caller, { name, rights }: Kind, procedures: Procedures) => {
      for (const { path, type } of procedures) {
        const row = TABLE[path]!;
        for (const store of rights === null ? storesOf(row).slice(0, 1) : storesOf(row)) {
          const call = {
            path,
            type,
            input: row.input(store === "none" ? null : store, letters[store]),
          };
          const expected = outcomeOf(path, rights, store) ?? "answer";
          for (const [way, words] of Object.entries(await caller.words(call))) {
            check(`${path}, ${store} store, ${name}, ${way}`, expected, words);
          }
        }
        if (type === "subscription") continue;
        const input = row.input("own", letters.own);
        const words = await caller.wrongMethod({ path, type, input });
        check(`${path}, ${name}, by the wrong method`, "METHOD_NOT_SUPPORTED", words);
      }
    };
    const callAll = async (kind: Kind) => {
      const { token } = kind;
      const parts = typeof token === "function" ? PROCEDURES.map((one) => [one]) : [PROCEDURES];
      for (const procedures of parts) {
        const shown = typeof token === "function" ? await token() : token;
        await using caller = await Caller.open(url, shown);
        await callEach(caller, kind, procedures);
      }
    };
    const kinds = [...await kindsOf(instance), ...await tokenKinds(instance)];
    await Promise.all(kinds.map(callAll));
    assertEquals(wrong, []);
    console.info(`${cells} calls`);
  }));
