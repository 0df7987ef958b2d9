/**
 * The key that signs browser tokens. It is derived from an API key's secret, so that whoever has the
 * API key can sign, and whoever has the public half alone can sign nothing.
 *
 * The derivation is a part of the contract: a backend in any language can do the same. It needs
 * WebCrypto and nothing of the runtime.
 *
 * Tested in tests/client/tokens_test.ts and tests/server/front/keys/browser_tokens_test.ts.
 */

/** The signature: EdDSA with Ed25519. No other is taken. */
export const TOKEN_ALGORITHM = "EdDSA";
export const TOKEN_TYPE = "weir+jwt";
export const TOKEN_AUDIENCE = "weir";
/** The id of the key of `WEIR_DEV_KEY`, and of the one that a start makes for its run. */
export const DEV_KEY_ID = "dev";

const INFO = "weir browser token v1";
const SEED_BITS = 256;
/** The bytes of PKCS #8 before the seed of an Ed25519 key: RFC 8410. */
const PKCS8_HEAD = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const MADE_KEY = /^weir_([a-f0-9]{16}|dev)_([A-Za-z0-9_-]{43})$/;
/**
 * A value of `WEIR_DEV_KEY` that can sign. The derivation is fast, so whoever has a token of a short
 * text could try texts until one fits. Space and quotes are those of a mistake.
 */
const DEV_KEY = /^[^\s\p{C}"'`]{32,}$/u;
/** An API key, or what is left of one, inside other text. */
const SPOILT_KEY = /weir_/i;

export interface SigningKey {
  /** The id of the API key: the `kid` of its tokens. */
  readonly keyId: string;
  readonly privateKey: CryptoKey;
  /** 32 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/**
 * The signing key of an API key. Text of at least 32 characters, without space, quotes and `weir_`, is a
 * value of `WEIR_DEV_KEY`.
 * @returns null for other text, which is no API key or must not sign
 */
export async function signingKeyOf(apiKey: string): Promise<SigningKey | null> {
  const parts = partsOf(apiKey);
  if (parts === null) return null;
  const privateKey = await privateKeyOf(parts.secret);
  const { x = "" } = await crypto.subtle.exportKey("jwk", privateKey);
  return { keyId: parts.keyId, privateKey, publicKey: bytesOf(x) };
}

function partsOf(apiKey: string): { readonly keyId: string; readonly secret: string } | null {
  const [, keyId, secret] = MADE_KEY.exec(apiKey) ?? [];
  if (keyId !== undefined && secret !== undefined) return { keyId, secret };
  const canSign = DEV_KEY.test(apiKey) && !SPOILT_KEY.test(apiKey);
  return canSign ? { keyId: DEV_KEY_ID, secret: apiKey } : null;
}

async function privateKeyOf(secret: string): Promise<CryptoKey> {
  const encoder = new TextEncoder();
  const material = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, [
    "deriveBits",
  ]);
  const seed = await crypto.subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: encoder.encode(INFO) },
    material,
    SEED_BITS,
  );
  const pkcs8 = new Uint8Array([...PKCS8_HEAD, ...new Uint8Array(seed)]);
  return await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
}

/** The bytes of base64url text. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}
