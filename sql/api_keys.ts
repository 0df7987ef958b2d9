/**
 * API keys: who may call what, and for which store.
 *
 * A token is `weir_<keyId>_<secret>`. The table holds a SHA-256 of the secret; that is enough, since
 * the secret is 32 random bytes and cannot be guessed as a password can.
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
  /** The one store that the key is for; null: all of them. */
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

/** Makes a key. @returns the token, which is shown once and stored nowhere, and the key's id. */
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

/** True when `token` has a token's form; of any other there is no key, which needs no database. */
export function isToken(token: string): boolean {
  return TOKEN.test(token);
}

/** The key that `token` is for; null when there is none, it is revoked, or the secret is wrong. */
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

/** All keys, newest first. */
export async function listApiKeys(pool: Pool): Promise<ApiKey[]> {
  const rows = await pool.run((sql) =>
    sql<KeyRow[]>`
      SELECT key_id, label, scopes, store_id, created_at, revoked_at FROM api_keys
      ORDER BY created_at DESC, key_id`
  );
  return rows.map(keyOf);
}

/** Revokes a key. @returns false when there is none of this id that is still in force. */
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
