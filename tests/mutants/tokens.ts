/** Mistakes that would let a browser token do more than it may, or for longer. */
import type { Mutant } from "./mutant.ts";

const UNIT: Mutant["tests"] = ["unit", "tests/server/front/keys/browser_tokens_test.ts"];

export const TOKENS: readonly Mutant[] = [
  {
    name: "a token that says it is made next year lives until then",
    file: "server/front/keys/browser_tokens.ts",
    find: "if (now < beginsAt)",
    replace: "if (now < beginsAt - 1e12)",
    tests: UNIT,
  },
  {
    name: "a token that was let in once is let in for ever",
    file: "server/front/keys/browser_tokens.ts",
    find: "if (now >= endsAt)",
    replace: "if (now >= endsAt + 1e12)",
    tests: UNIT,
  },
  {
    name: "a token opens a store that its key does not",
    file: "server/front/keys/browser_tokens.ts",
    find: "storeId !== undefined && (of.storeIds?.has(storeId) ?? true)",
    replace: "storeId !== undefined",
    tests: UNIT,
  },
  {
    name: "a claim that nobody knows is left out",
    file: "client/contract/tokens/claims.ts",
    find: "export const claimsInput = z.strictObject({",
    replace: "export const claimsInput = z.object({",
    tests: UNIT,
  },
  {
    name: "the id of a key is taken for the key",
    file: "server/front/keys/auth.ts",
    find: "if (isToken(credential)) {",
    replace: "if (isToken(credential) || !isBrowserToken(credential)) {",
    tests: ["unit", "tests/server/front/keys/token_checks_test.ts"],
  },
  {
    name: "a revocation that a token has learned leaves its key",
    file: "server/front/keys/key_cache.ts",
    find: "    this.#keys.delete(keyId);\n",
    replace: "",
    tests: ["unit", "tests/server/front/keys/token_checks_test.ts"],
  },
  {
    name: "an answer of before the revocation brings the key back",
    file: "server/front/keys/key_cache.ts",
    find: "if (askedAt <= (this.#revoked.get(keyId) ?? -Infinity)) return;",
    replace: "",
    tests: ["unit", "tests/server/front/keys/token_checks_test.ts"],
  },
  {
    name: "a stream outlives its token until the next frame",
    file: "server/router/tokens/lifetime.ts",
    find: "if (leftMs <= 0) return this.#ending.abort();",
    replace: "if (leftMs <= 0) return;",
    tests: ["unit", "tests/server/router/tokens/lifetime_test.ts"],
  },
  {
    name: "a client that leaves while its key is looked up keeps a place",
    file: "server/router/procedures.ts",
    find: "if (signal?.aborted === true) end();",
    replace: "",
    tests: ["unit", "tests/server/router/tokens/lasting_stream_test.ts"],
  },
  {
    name: "a token calls every procedure of its key",
    file: "server/router/rights.ts",
    find: "token.procedures.has(path)",
    replace: "token.procedures.size > 0",
    tests: ["all", "tests/server/router/tokens/renew_token_test.ts"],
  },
  {
    name: "a connection takes a token of any key",
    file: "server/router/tokens/renew_token.ts",
    find: "if (keyId !== principal.keyId) {",
    replace: 'if (keyId === "" && principal.keyId === "") {',
    tests: ["unit", "tests/server/router/tokens/renewal_bounds_test.ts"],
  },
  {
    name: "a connection has any number of tokens checked",
    file: "server/router/tokens/renew_token.ts",
    find: "credential.isRenewing = true;",
    replace: "",
    tests: ["unit", "tests/server/router/tokens/renewal_bounds_test.ts"],
  },
  {
    name: "texts that name one key take all checks of signatures",
    file: "server/front/keys/browser_tokens.ts",
    find: "|| ofKey >= MAX_CHECKING_OF_KEY",
    replace: "|| ofKey < 0 * MAX_CHECKING_OF_KEY",
    tests: ["unit", "tests/server/front/keys/token_checks_test.ts"],
  },
  {
    name: "a stream keeps the store that the renewed token is not for",
    file: "server/router/dashboard.ts",
    find: "(caller) => void scopeOf(caller, input.storeId)",
    replace: "(caller) => void caller",
    tests: ["all", "tests/server/router/tokens/renew_token_test.ts"],
  },
];
