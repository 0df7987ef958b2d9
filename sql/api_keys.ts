/**
 * API keys. A key has scopes, which say what its caller may do, and may be limited to some stores and
 * to orders in some currencies.
 *
 * The text of a key is `weir_<keyId>_<secret>`. The table holds a SHA-256 of the secret. That is enough:
 * unlike a password, 32 random bytes cannot be guessed. It also holds the public half of the key that
 * signs browser tokens, with which nobody can sign.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import { type Scope, scopeInput } from "../client/contract/scope.ts";
import { signingKeyOf } from "../client/contract/tokens/signing_key.ts";
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

/** A key that is not revoked, as calls need it. */
export interface KeyInForce extends ApiKey {
  /** The public key of its browser tokens, 32 bytes; null: it was made before there were tokens. */
  readonly tokenKey: Uint8Array<ArrayBuffer> | null;
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

interface RowInForce extends KeyRow {
  readonly secret_hash: Buffer;
  /** Left out before the migration `0017_token_keys.sql`. */
  readonly token_key?: Buffer | null;
}

const TOKEN = /^weir_([a-f0-9]{16})_([A-Za-z0-9_-]{43})$/;
/** A space stands in no key. */
const BY_ID = "id ";

/** Makes a key. @returns the key's id, and the token, which is stored nowhere */
export async function createApiKey(
  pool: Pool,
  { label, scopes, storeIds = null, currencies = null }:
    & Pick<ApiKey, "label" | "scopes">
    & Partial<Pick<ApiKey, "storeIds" | "currencies">>,
): Promise<{ keyId: string; token: string }> {
  const keyId = Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex");
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
  const token = `weir_${keyId}_${secret}`;
  const signing = await signingKeyOf(token);
  if (signing === null) throw new Error("a key that was just made has not the form of one");
  await pool.run((sql) =>
    sql`
      INSERT INTO api_keys
        (key_id, secret_hash, label, scopes, store_id, store_ids, currencies, token_key)
      VALUES (${keyId}, ${hash(secret)}, ${label}, ${scopes}::text[], ${storeIds?.[0] ?? null},
              ${storeIds}::text[], ${currencies}::text[], ${Buffer.from(signing.publicKey)})`
  );
  return { keyId, token };
}

/** True when `text` has the form of an API key. No other text needs a look into the database. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** The text by which `findApiKeys` finds a key without its secret. No caller can send it for a key. */
export function textOfId(keyId: string): string {
  return `${BY_ID}${keyId}`;
}

/**
 * The keys of `texts`, in their order, read by one statement; null where there is no such key, it is
 * revoked, or the secret is wrong. Each text is that of an API key, or one of `textOfId`.
 */
export async function findApiKeys(
  pool: Pool,
  texts: readonly string[],
): Promise<(KeyInForce | null)[]> {
  const keyIds = texts.flatMap((text) => idIn(text) ?? []);
  if (keyIds.length === 0) return texts.map(() => null);
  const rows = await pool.run((sql) =>
    sql<RowInForce[]>`
      SELECT * FROM api_keys WHERE key_id = ANY (${keyIds}::text[]) AND revoked_at IS NULL`
  );
  const found = new Map(rows.map((row) => [row.key_id, row]));
  return texts.map((text) => {
    const row = found.get(idIn(text) ?? "");
    if (row === undefined) return null;
    if (text === textOfId(row.key_id)) return inForce(row);
    const [, , secret = ""] = TOKEN.exec(text) ?? [];
    return timingSafeEqual(row.secret_hash, hash(secret)) ? inForce(row) : null;
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

/** The id of the key that a text is about; null: it has no form that is known. */
function idIn(text: string): string | null {
  return text.startsWith(BY_ID) ? text.slice(BY_ID.length) : TOKEN.exec(text)?.[1] ?? null;
}

function hash(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

function inForce(row: RowInForce): KeyInForce {
  const tokenKey = row.token_key ?? null;
  return { ...keyOf(row), tokenKey: tokenKey && new Uint8Array(tokenKey) };
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
