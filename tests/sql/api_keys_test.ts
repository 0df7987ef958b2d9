import { Buffer } from "node:buffer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type ApiKey,
  createApiKey,
  findApiKeys,
  listApiKeys,
  revokeApiKey,
  textOfId,
} from "../../sql/api_keys.ts";
import { signingKeyOf } from "../../client/contract/tokens/signing_key.ts";
import { Pool } from "../../sql/connection/pool.ts";
import { withDatabase } from "../support/services/database.ts";

Deno.test("findApiKeys() finds a key by its token alone, until the key is revoked", () =>
  withDatabase(async ({ url, sql }) => {
    const pool = new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 5_000 });
    const { keyId, token } = await createApiKey(pool, {
      label: "till 1",
      scopes: ["orders:write"],
      storeIds: ["store-1"],
    });
    const [found] = await findApiKeys(pool, [token]);
    assertEquals(
      [found?.keyId, found?.label, found?.scopes, found?.storeIds],
      [keyId, "till 1", ["orders:write"], ["store-1"]],
    );
    const other = token.slice(0, -1) + (token.endsWith("A") ? "B" : "A");
    for (const wrong of [other, keyId, "", "weir__", `${token}x`, token.toUpperCase()]) {
      assertEquals(await findApiKeys(pool, [wrong]), [null], wrong);
    }
    const [row] = await sql`select api_keys::text as row from api_keys`;
    const secret = token.slice(`weir_${keyId}_`.length); // it may hold a "_" itself
    assertEquals(secret.length, 43);
    assert(!row?.["row"].includes(secret), "the secret itself is not stored");
    assertEquals(await revokeApiKey(pool, keyId), true);
    assertEquals(await revokeApiKey(pool, keyId), false);
    assertEquals(await findApiKeys(pool, [token]), [null]);
    assertEquals((await listApiKeys(pool)).map((key) => key.revokedAt !== null), [true]);
    await pool.end();
  }));

Deno.test("findApiKeys() answers each of many tokens in its place, by one statement", () =>
  withDatabase(async ({ url }) => {
    const pool = new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 5_000 });
    const made = [];
    for (const label of ["a", "b", "c"]) {
      made.push(await createApiKey(pool, { label, scopes: ["ops"] }));
    }
    const [a, b, c] = made.map(({ token }) => token) as [string, string, string];
    await revokeApiKey(pool, made[1]!.keyId);
    const guess = a.slice(0, -2) + "xx";
    const tokens = [c, guess, b, "", a, ...Array.from({ length: 500 }, () => guess), c];
    const found = await findApiKeys(pool, tokens);
    assertEquals(
      found.flatMap((key, index) => key === null ? [] : [[index, key.label]]),
      [[0, "c"], [4, "a"], [505, "c"]],
    );
    assertEquals(found.length, tokens.length);
    assertEquals(await findApiKeys(pool, []), []);
    await pool.end();
  }));

Deno.test("findApiKeys() tells the stores and the currencies of a key, also of one made before there were several", () =>
  withDatabase(async ({ url, sql }) => {
    const pool = new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 5_000 });
    const limitsOf = async (limits: Partial<Pick<ApiKey, "storeIds" | "currencies">>) => {
      const { token, keyId } = await createApiKey(pool, { label: "a", scopes: [], ...limits });
      const [key] = await findApiKeys(pool, [token]);
      const [row] = await sql<{ store_id: string | null }[]>`
        select store_id from api_keys where key_id = ${keyId}`;
      return [key?.storeIds, key?.currencies, row?.store_id];
    };
    assertEquals(await limitsOf({}), [null, null, null]);
    assertEquals(await limitsOf({ storeIds: ["b"] }), [["b"], null, "b"]);
    // An instance of the version before reads the last one alone, and must not see all stores.
    assertEquals(await limitsOf({ storeIds: ["b", "a"], currencies: ["EUR"] }), [
      ["b", "a"],
      ["EUR"],
      "b",
    ]);
    const { token, keyId } = await createApiKey(pool, { label: "a", scopes: [] });
    await sql`update api_keys set store_id = 'c' where key_id = ${keyId}`;
    assertEquals((await findApiKeys(pool, [token]))[0]?.storeIds, ["c"]);
    await assertRejects(() => sql`update api_keys set store_ids = '{d}' where key_id = ${keyId}`);
    await pool.end();
  }));

Deno.test("findApiKeys() finds a key by its id too, with the public key of its tokens, until it is revoked", () =>
  withDatabase(async ({ url, sql }) => {
    const pool = new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 5_000 });
    const made = await createApiKey(pool, { label: "a", scopes: ["ops"] });
    const other = await createApiKey(pool, { label: "b", scopes: [] });
    const texts = [textOfId(other.keyId), made.token, textOfId(made.keyId), textOfId("0")];
    const found = await findApiKeys(pool, texts);
    assertEquals(found.map((key) => key?.label ?? null), ["b", "a", "a", null]);
    const { publicKey } = (await signingKeyOf(made.token))!;
    assertEquals(found.slice(1, 3).map((key) => key?.tokenKey), [publicKey, publicKey]);
    await sql`update api_keys set token_key = null where key_id = ${made.keyId}`;
    assertEquals((await findApiKeys(pool, [textOfId(made.keyId)]))[0]?.tokenKey, null);
    await assertRejects(() => sql`update api_keys set token_key = 'short'`);
    await revokeApiKey(pool, made.keyId);
    assertEquals(await findApiKeys(pool, [textOfId(made.keyId)]), [null]);
    await pool.end();
  }));

Deno.test("the row of a key does not hold what signs its tokens", () =>
  withDatabase(async ({ url, sql }) => {
    const pool = new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 5_000 });
    const { token } = await createApiKey(pool, { label: "a", scopes: ["ops"] });
    const { privateKey, publicKey } = (await signingKeyOf(token))!;
    const { d = "" } = await crypto.subtle.exportKey("jwk", privateKey);
    const seed = Buffer.from(d, "base64url").toString("hex");
    const [row] = await sql<{ row: string }[]>`select api_keys::text as row from api_keys`;
    assert(row?.row.includes(Buffer.from(publicKey).toString("hex")));
    assertEquals([seed.length, row?.row.includes(seed)], [64, false]);
    await pool.end();
  }));

Deno.test("a key of a table that has no column for token keys yet is found, and has no tokens", () =>
  withDatabase(async ({ url, sql }) => {
    const pool = new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 5_000 });
    const { keyId, token } = await createApiKey(pool, { label: "a", scopes: ["ops"] });
    await sql`alter table api_keys drop column token_key`;
    const found = await findApiKeys(pool, [token, textOfId(keyId)]);
    assertEquals(found.map((key) => [key?.keyId, key?.tokenKey]), [[keyId, null], [keyId, null]]);
    await pool.end();
  }));
