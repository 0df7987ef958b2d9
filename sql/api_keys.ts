/**
 * API keys. A key has scopes, which say what its caller may do, and may be limited to one store.
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
  /** The only store that the key opens; null: all stores. */
  readonly storeId: string | null;
  readonly createdAt: string;
  readonly revokedAt: string | null;
}

interface KeyRow {
  readonly key_id: string;
  readonly label: string;
  readonly scopes: string[];
  readonly store_id: string | null;
  readonly created_at: Date;
  readonly revoked_at: Date | null;
}

const TOKEN = /^weir_([a-f0-9]{16})_([A-Za-z0-9_-]{43})$/;

/** Makes a key. @returns the key's id, and the token, which is stored nowhere */
export async function createApiKey(
  pool: Pool,
  options: { label: string; scopes: readonly Scope[]; storeId: string | null },
): Promise<{ keyId: string; token: string }> {
  const keyId = Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex");
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
  await pool.run((sql) =>
    sql`
      INSERT INTO api_keys (key_id, secret_hash, label, scopes, store_id)
      VALUES (${keyId}, ${hash(secret)}, ${options.label}, ${[...options.scopes]}::text[],
              ${options.storeId})`
  );
  return { keyId, token: `weir_${keyId}_${secret}` };
}

/** True when `token` has the form of a token. No other text needs a look into the database. */
export function isToken(token: string): boolean {
  return TOKEN.test(token);
}

/** The key of `token`; null when there is none, it is revoked, or the secret is wrong. */
export async function findApiKey(pool: Pool, token: string): Promise<ApiKey | null> {
  const [, keyId, secret] = TOKEN.exec(token) ?? [];
  if (keyId === undefined || secret === undefined) return null;
  const [row] = await pool.run((sql) =>
    sql<(KeyRow & { secret_hash: Buffer })[]>`
      SELECT * FROM api_keys WHERE key_id = ${keyId} AND revoked_at IS NULL`
  );
  if (row === undefined || !timingSafeEqual(row.secret_hash, hash(secret))) return null;
  return keyOf(row);
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
      SELECT key_id, label, scopes, store_id, created_at, revoked_at FROM api_keys
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
    storeId: row.store_id,
    createdAt: row.created_at.toISOString(),
    revokedAt: row.revoked_at?.toISOString() ?? null,
  };
}
