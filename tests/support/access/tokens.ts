/**
 * Browser tokens made by hand: right ones, and ones with a mistake or a lie in their head, their
 * claims or their signature.
 */
import { Buffer } from "node:buffer";
import { SignJWT } from "jose";
import { signingKeyOf } from "../../../client/contract/tokens/signing_key.ts";

/** Claims beside or instead of the usual ones. A value of undefined leaves one out. */
export type Claims = Readonly<Record<string, unknown>>;

const SIGNATURE_BYTES = 64;

/** The present time as JWT has it. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}

/** The claims of a token for `dashboard.live` that lives for ten minutes. @param ahead the clock of its maker, seconds */
function someClaims(claims: Claims = {}, ahead = 0): Record<string, unknown> {
  const iat = nowSeconds() + ahead;
  const usual = { aud: "weir", iat, exp: iat + 600, procedures: ["dashboard.live"] };
  const all = Object.entries({ ...usual, ...claims });
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}

/**
 * A token that `key` has signed.
 * @param head fields beside or instead of the usual ones of its head.
 */
export async function signedToken(
  key: string,
  claims: Claims = {},
  head: Claims = {},
): Promise<string> {
  const { keyId, privateKey } = await signingOf(key);
  const all = { alg: "EdDSA", typ: "weir+jwt", kid: keyId, ...head };
  return await new SignJWT(someClaims(claims)).setProtectedHeader(all).sign(privateKey);
}

/** A token without a signature, which says so in its head. It ends in as many letters as one has. */
export async function unsignedToken(key: string, claims: Claims = {}): Promise<string> {
  const { keyId } = await signingOf(key);
  const parts = [{ alg: "none", typ: "weir+jwt", kid: keyId }, someClaims(claims)];
  return `${parts.map(encoded).join(".")}.${"A".repeat(86)}`;
}

/**
 * A token whose maker knows the public key alone, and takes it for the secret of an HMAC. A short HMAC
 * is repeated, so that the token is refused for its signature and not for its length.
 * @param alg the signature that its head names.
 */
export async function confusedToken(
  key: string,
  claims: Claims = {},
  alg = "HS512",
): Promise<string> {
  const { keyId, publicKey } = await signingOf(key);
  const parts = [{ alg, typ: "weir+jwt", kid: keyId }, someClaims(claims)].map(encoded).join(".");
  const secret = await crypto.subtle.importKey(
    "raw",
    publicKey,
    { name: "HMAC", hash: alg === "HS256" ? "SHA-256" : "SHA-512" },
    false,
    ["sign"],
  );
  const bytes = await crypto.subtle.sign("HMAC", secret, new TextEncoder().encode(parts));
  const signature = Buffer.alloc(SIGNATURE_BYTES, Buffer.from(bytes));
  return `${parts}.${signature.toString("base64url")}`;
}

/** The same token with other claims under the signature of the first. */
export function withClaims(token: string, claims: Claims): string {
  const [head, , signature] = token.split(".");
  return [head, encoded(someClaims(claims)), signature].join(".");
}

function encoded(part: unknown): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

async function signingOf(key: string) {
  const signing = await signingKeyOf(key);
  if (signing === null) throw new Error("the test has no API key");
  return signing;
}
