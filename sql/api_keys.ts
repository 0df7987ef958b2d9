/**
 * API keys. A key has scopes, which say what its caller may do, and may be limited to some stores and
 * to orders in some currencies.
 *
 * A token is `weir_<keyId>_<secret>`. The table holds a SHA-256 of the secret. That is enough: unlike
 * a password, 32 random bytes cannot be guessed.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import { type Scope, scopeInput } from "../client/contract/scope.ts";
import type { Pool } from "./connection/database.ts";

/** A key without its secret. */
export interface ApiKey {
  readonly keyId: string;
  readonly label: string;
  readonly scopes: readonly Scope[];
  /** The stores that the key opens, at least one; null: all stores. */
  readonly storeIds: readonly string[] | null;
  /** The currencies of the orders that it may place, at least one; null: all. */
  readonly currencies: readonly string[] | null;
  readonly createdAt: string;
  readonly revokedAt: string | null;
}

interface KeyRow {
  readonly key_id: string;
  readonly label: string;
  readonly scopes: string[];
  /** The first of the stores; null: all. */
  readonly store_id: string | null;
  /** Null: `store_id` tells. */
  readonly store_ids: string[] | null;
  readonly currencies: string[] | null;
  readonly created_at: Date;
  readonly revoked_at: Date | null;
}

const TOKEN = /^weir_([a-f0-9]{16})_([A-Za-z0-9_-]{43})$/;

/** Makes a key. @returns the key's id, and the token, which is stored nowhere */
export async function createApiKey(
  pool: Pool,
  { label, scopes, storeIds = null, currencies = null }:
    & Pick<ApiKey, "label" | "scopes">
    & Partial<Pick<ApiKey, "storeIds" | "currencies">>,
): Promise<{ keyId: string; token: string }> {
  const keyId = Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex");
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
  await pool.run((sql) =>
    sql`
      INSERT INTO api_keys (key_id, secret_hash, label, scopes, store_id, store_ids, currencies)
      VALUES (${keyId}, ${hash(secret)}, ${label}, ${scopes}::text[], ${storeIds?.[0] ?? null},
              ${storeIds}::text[], ${currencies}::text[])`
  );
  return { keyId, token: `weir_${keyId}_${secret}` };
}

/** True when `token` has the form of a token. No other text needs a look into the database. */
export function isToken(token: string): boolean {
  return TOKEN.test(token);
}

/**
 * The keys of `tokens`, in their order, read by one statement; null where there is no such key, it
 * is revoked, or the secret is wrong.
 */
export async function findApiKeys(
  pool: Pool,
  tokens: readonly string[],
): Promise<(ApiKey | null)[]> {
  const keyIds = tokens.flatMap((token) => TOKEN.exec(token)?.[1] ?? []);
  if (keyIds.length === 0) return tokens.map(() => null);
  const rows = await pool.run((sql) =>
    sql<(KeyRow & { secret_hash: Buffer })[]>`
      SELECT * FROM api_keys WHERE key_id = ANY (${keyIds}::text[]) AND revoked_at IS NULL`
  );
  const found = new Map(rows.map((row) => [row.key_id, row]));
  return tokens.map((token) => {
    const [, keyId = "", secret = ""] = TOKEN.exec(token) ?? [];
    const row = found.get(keyId);
    if (row === undefined || !timingSafeEqual(row.secret_hash, hash(secret))) return null;
    return keyOf(row);
  });
}

/** True when there is a key that is not revoked. */
export async function anyKeyInForce(pool: Pool): Promise<boolean> {
  const rows = await pool.run((sql) => sql`SELECT FROM api_keys WHERE revoked_at IS NULL LIMIT 1`);
  return rows.length > 0;
}

/** All keys, newest first. */
export async function listApiKeys(pool: Pool): Promise<ApiKey[]> {
  const rows = await pool.run((sql) =>
    sql<KeyRow[]>`
      SELECT key_id, label, scopes, store_id, store_ids, currencies, created_at, revoked_at
      FROM api_keys
      ORDER BY created_at DESC, key_id`
  );
  return rows.map(keyOf);
}

/** Revokes a key. @returns false when no key of this id is still in force */
export async function revokeApiKey(pool: Pool, keyId: string): Promise<boolean> {
  const rows = await pool.run((sql) =>
    sql`
      UPDATE api_keys SET revoked_at = now() WHERE key_id = ${keyId} AND revoked_at IS NULL
      RETURNING key_id`
  );
  return rows.length > 0;
}

function hash(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

function keyOf(row: KeyRow): ApiKey {
  return {
    keyId: row.key_id,
    label: row.label,
    scopes: row.scopes.filter((scope): scope is Scope => scopeInput.safeParse(scope).success),
    storeIds: row.store_ids ?? (row.store_id === null ? null : [row.store_id]),
    currencies: row.currencies,
    createdAt: row.created_at.toISOString(),
    revokedAt: row.revoked_at?.toISOString() ?? null,
  };
}
