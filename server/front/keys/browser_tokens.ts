/**
 * Browser tokens: from the text of a token to the rights of its caller. Those are the rights of its
 * API key, which the token can only make fewer.
 *
 * The database is asked for the key alone, and not for a key that the instance knows: the key's entry
 * in the cache is kept fresh, so a revoked key stops its tokens as soon as its own calls. The
 * signature is checked with the public half of a key whose private half only the secret gives.
 *
 * Anyone may send text. Text without the form and the head of a token is refused before its key is
 * looked up, and a signature is checked for a key in force alone, once for each text. The result is
 * kept: a signature does not change. Times are compared at each call, since a clock may be set.
 *
 * A clock is off by up to `TOLERANCE_SECONDS`: that of the backend that signed, or this one.
 *
 * Tested in tests/server/front/keys/browser_tokens_test.ts, token_checks_test.ts and
 * tests/server/router/tokens.
 */
import { Buffer } from "node:buffer";
import { errors, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { type Refusal, refuse } from "../../../client/contract/refusal.ts";
import { Refused } from "../../../client/contract/refused.ts";
import {
  claimsInput,
  MAX_TOKEN_LETTERS,
  type TokenClaims,
} from "../../../client/contract/tokens/claims.ts";
import {
  DEV_KEY_ID,
  type SigningKey,
  signingKeyOf,
  TOKEN_ALGORITHM,
  TOKEN_AUDIENCE,
  TOKEN_TYPE,
} from "../../../client/contract/tokens/signing_key.ts";
import type { Principal, TokenLimits } from "../../router/context.ts";
import { invalidMessage, issuesOf } from "../../router/input_issues.ts";
import { TOKEN_EXPIRED } from "../../router/tokens/lifetime.ts";
import { hashOf, type KnownKey } from "./key_cache.ts";

export interface BrowserTokensOptions {
  /** The key of an id; null: there is none in force. @throws Refused unavailable */
  readonly findKey: (keyId: string) => Promise<KnownKey | null>;
  /** The development key with its principal; null: there is none. */
  readonly devKey: { readonly text: string; readonly principal: Principal } | null;
  /** The longest life of a token. */
  readonly maxSeconds: number;
  /** The clock of the instance, milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** Text that is meant for a token of some kind: an API key has no dots. */
const TOKEN_LIKE = /^[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/;
/** The form: head, claims, and the 64 bytes of a signature, whose last letter has two bits of them. */
const FORM = /^([A-Za-z0-9_-]{1,512})\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]$/;
const KEY_ID = /^[a-f0-9]{16}$/;
const TOLERANCE_SECONDS = 60;
/** Tokens whose signature is good. A page has one, so this is a number of open pages. */
const MAX_KEPT = 10_000;
const MAX_KEPT_LETTERS = 8 * 1_048_576;
const MAX_REFUSED = 1_000;
/** Signatures that are being checked, in all and for one key: its id is in each text, for all to see. */
const MAX_CHECKING = 1_000;
const MAX_CHECKING_OF_KEY = 100;

const WRONG = refuse("unauthenticated", "the token is wrong, or its API key is revoked");
const TOO_EARLY = refuse(
  "unauthenticated",
  "the token is not in force yet: its time is ahead of the service's clock",
);
const OTHER_AUDIENCE = refuse(
  "unauthenticated",
  `the token is for another audience: its aud must be "${TOKEN_AUDIENCE}"`,
);
const KEY_WITHOUT_TOKENS = refuse(
  "unauthenticated",
  "the token's API key was made before there were tokens: make a new key, and sign with that",
);
const DEV_KEY_WITHOUT_TOKENS = refuse(
  "unauthenticated",
  "WEIR_DEV_KEY is no key for tokens: it needs at least 32 characters, " +
    "without space, quotes and weir_, or the value random",
);
const TOO_MANY = refuse(
  "unavailable",
  "the token cannot be checked: too many tokens are being checked",
  1_000,
);

/** The refusal of a token that was checked, and that will never be good. */
class BadToken extends Refused {
  /** @param isSigned true when whoever made the token had the API key. */
  constructor(refusal: Refusal, readonly isSigned = true) {
    super(refusal);
  }
}

/** A token whose signature is good. */
interface Kept {
  readonly keyId: string;
  readonly claims: TokenClaims;
  /** The caller, and the caller of the key from which it was made; null: nobody has asked yet. */
  made: { readonly of: Principal; readonly principal: TokenPrincipal } | null;
}

/** A key whose tokens can be checked. */
interface SigningKnownKey {
  readonly keyId: string;
  readonly principal: Principal;
  readonly tokenKey: Uint8Array<ArrayBuffer>;
}

type TokenPrincipal = Principal & { readonly token: TokenLimits };

/** True when a text is meant for a browser token, good or not. */
export function isBrowserToken(text: string): boolean {
  return text.length <= MAX_TOKEN_LETTERS && TOKEN_LIKE.test(text);
}

export class BrowserTokens {
  readonly #kept = new LRUCache<string, Kept>({
    max: MAX_KEPT,
    maxSize: MAX_KEPT_LETTERS,
    sizeCalculation: (_, text) => text.length,
  });
  /** Failed checks, by the hash of the token. */
  readonly #failed = new LRUCache<string, BadToken>({ max: MAX_REFUSED });
  readonly #checking = new Map<string, Promise<Kept>>();
  /** How many of these name one key, by its id. */
  readonly #checkingOf = new Map<string, number>();
  /** The signing key of the development key; null: nobody has needed it yet. */
  #devKey: Promise<SigningKey | null> | null = null;

  constructor(readonly options: BrowserTokensOptions) {}

  /** The caller that a token belongs to. @throws Refused unauthenticated, or unavailable */
  async authenticate(token: string): Promise<Principal> {
    const known = this.#kept.get(token);
    const key = await this.#keyOf(known?.keyId ?? this.keyIdOf(token));
    const kept = known ?? await this.#check(token, key);
    if (kept.made?.of !== key.principal) {
      kept.made = { of: key.principal, principal: limited(key.principal, kept.claims) };
    }
    const { principal } = kept.made;
    assertInForce(principal.token, kept.claims, this.options.wallClock());
    return principal;
  }

  /** True when whoever made this token had the API key. Nobody else can send such a token for long. */
  isSigned(token: string): boolean {
    return this.#kept.has(token) || this.#failed.get(hashOf(token))?.isSigned === true;
  }

  /** The id of the key that a token names; null: it has not the head of a token. */
  keyIdOf(token: string): string | null {
    const [, head = ""] = FORM.exec(token) ?? [];
    const { alg, typ, kid } = parsedHead(head);
    if (alg !== TOKEN_ALGORITHM || typ !== TOKEN_TYPE || typeof kid !== "string") return null;
    return kid === DEV_KEY_ID || KEY_ID.test(kid) ? kid : null;
  }

  /** The key of this id that is in force. @throws Refused when it can have no tokens */
  async #keyOf(keyId: string | null): Promise<SigningKnownKey> {
    if (keyId === null) throw new Refused(WRONG);
    const key = await this.#find(keyId);
    if (key === null) throw new Refused(WRONG);
    const { principal, tokenKey } = key;
    if (tokenKey === null) {
      throw new Refused(keyId === DEV_KEY_ID ? DEV_KEY_WITHOUT_TOKENS : KEY_WITHOUT_TOKENS);
    }
    return { keyId, principal, tokenKey };
  }

  async #find(keyId: string): Promise<KnownKey | null> {
    const { devKey, findKey } = this.options;
    if (devKey !== null) {
      const { principal } = devKey;
      const signing = await (this.#devKey ??= signingKeyOf(devKey.text));
      if (signing?.keyId === keyId) return { principal, tokenKey: signing.publicKey };
      if (signing === null && keyId === DEV_KEY_ID) return { principal, tokenKey: null };
    }
    return keyId === DEV_KEY_ID ? null : await findKey(keyId);
  }

  /** Checks a token that is not kept. Callers of one token share the check. */
  async #check(token: string, key: SigningKnownKey): Promise<Kept> {
    const failed = this.#failed.get(hashOf(token));
    if (failed !== undefined) throw failed;
    const joined = this.#checking.get(token);
    if (joined !== undefined) return await joined;
    const ofKey = this.#checkingOf.get(key.keyId) ?? 0;
    if (this.#checking.size >= MAX_CHECKING || ofKey >= MAX_CHECKING_OF_KEY) {
      throw new Refused(TOO_MANY);
    }
    const checking = this.#verify(token, key).finally(() => this.#checked(token, key));
    this.#checking.set(token, checking);
    this.#checkingOf.set(key.keyId, ofKey + 1);
    return await checking;
  }

  #checked(token: string, { keyId }: SigningKnownKey): void {
    this.#checking.delete(token);
    const left = (this.#checkingOf.get(keyId) ?? 0) - 1;
    if (left > 0) this.#checkingOf.set(keyId, left);
    else this.#checkingOf.delete(keyId);
  }

  async #verify(token: string, { keyId, tokenKey }: SigningKnownKey): Promise<Kept> {
    try {
      const claims = await verified(token, tokenKey);
      this.#assertLife(claims);
      const kept = { keyId, claims, made: null };
      this.#kept.set(token, kept);
      return kept;
    } catch (error) {
      if (error instanceof BadToken) this.#failed.set(hashOf(token), error);
      throw error;
    }
  }

  /** The bound of a life, which JWT does not have. Without the one on `iat` it would be none. */
  #assertLife({ iat, exp }: TokenClaims): void {
    const { maxSeconds } = this.options;
    if (exp - iat <= maxSeconds) return;
    const message = `the token lives for ${exp - iat} s, and the service allows ` +
      `${maxSeconds} s at most (WEIR_TOKEN_MAX_SECONDS)`;
    throw new BadToken(refuse("unauthenticated", message));
  }
}

/** @throws Refused when the time of a token is over, or has not come */
function assertInForce({ endsAt }: TokenLimits, { iat, nbf = iat }: TokenClaims, now: number) {
  const beginsAt = (Math.max(iat, nbf) - TOLERANCE_SECONDS) * 1_000;
  if (now < beginsAt) throw new Refused(TOO_EARLY);
  if (now >= endsAt) throw new Refused(TOKEN_EXPIRED);
}

/** The claims of a token whose signature and audience are good. @throws BadToken */
async function verified(
  token: string,
  tokenKey: Uint8Array<ArrayBuffer>,
): Promise<TokenClaims> {
  const key = await crypto.subtle.importKey("raw", tokenKey, "Ed25519", false, ["verify"]);
  const { payload } = await jwtVerify(token, key, {
    algorithms: [TOKEN_ALGORITHM],
    typ: TOKEN_TYPE,
    audience: TOKEN_AUDIENCE,
    clockTolerance: Number.MAX_SAFE_INTEGER, // times are compared at each call
  }).catch((error) => {
    throw error instanceof errors.JOSEError ? badToken(error) : error;
  });
  const claims = claimsInput.safeParse(payload);
  if (claims.success) return claims.data;
  throw wrongClaims(invalidMessage(issuesOf(claims.error)));
}

/** The library checks claims after the signature, so an error of a claim is one of the maker. */
function badToken(error: errors.JOSEError): BadToken {
  if (error instanceof errors.JWTInvalid) return wrongClaims("they are no JSON object");
  if (!(error instanceof errors.JWTClaimValidationFailed)) return new BadToken(WRONG, false);
  return error.claim === "aud"
    ? new BadToken(OTHER_AUDIENCE)
    : wrongClaims(`${error.claim} is wrong`);
}

function wrongClaims(why: string): BadToken {
  return new BadToken(refuse("unauthenticated", `the token's claims are wrong: ${why}`));
}

/** The caller of a token, from that of its key. */
function limited(of: Principal, claims: TokenClaims): TokenPrincipal {
  const { name = of.name, storeId, procedures, exp } = claims;
  const isOwnStore = storeId !== undefined && (of.storeIds?.has(storeId) ?? true);
  return {
    ...of,
    name,
    storeIds: storeId === undefined ? of.storeIds : new Set(isOwnStore ? [storeId] : []),
    token: {
      procedures: new Set(procedures),
      expiresAt: exp * 1_000,
      endsAt: (exp + TOLERANCE_SECONDS) * 1_000,
    },
  };
}

function parsedHead(text: string): Readonly<Record<string, unknown>> {
  try {
    const head: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    return typeof head === "object" && head !== null ? head as Record<string, unknown> : {};
  } catch {
    return {};
  }
}
