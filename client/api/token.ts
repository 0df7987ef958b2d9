/**
 * The token of a client: an API key, or a short-lived token that a function of the caller brings. The
 * function is asked at first, when little is left of the token's life, and when the server has refused it.
 *
 * Tested in tests/client/api/token_test.ts.
 */

/** An API key, or a function that brings a token for each time one is needed anew. */
export type TokenSource = string | (() => string | Promise<string>);

/** A token is renewed when so much of its life is left, and not earlier than a minute before its end. */
const RENEWED_AT_SHARE = 0.2;
const EARLIEST_MS = 60_000;
/** A function that has brought nothing by then is asked again by the next call. */
const BRING_MS = 15_000;

/** A function that has failed is asked again after this, while the token before is still good. */
const ASK_AGAIN_MS = 2_000;

/** A token that a function has brought. */
interface Brought {
  readonly text: string;
  /** The times of its life, by this machine's clock; null: the token has no end. */
  readonly life: Life | null;
}

interface Life {
  /** From now on another one is asked for. */
  readonly renewAt: number;
  readonly endsAt: number;
}

export class Token {
  #brought: Brought | null = null;
  /** The function is being asked. */
  #bringing: Promise<string> | null = null;
  #askAgainAt = -Infinity;

  /** @throws TypeError when an API key is missing */
  constructor(readonly source: TokenSource) {
    if (typeof source !== "function") this.#brought = { text: trimmed(source), life: null };
  }

  /** True when a new token can be had. */
  get isRenewable(): boolean {
    return typeof this.source === "function";
  }

  /** The time until the token should be renewed, milliseconds; null: it has no end, or none follows it. */
  get renewInMs(): number | null {
    const life = this.#brought?.life ?? null;
    return life === null ? null : life.renewAt - Date.now();
  }

  /**
   * The token in force. Towards its end another one is brought beside, and the old one serves meanwhile.
   * @throws (the promise) what the caller's function throws
   */
  current(): Promise<string> {
    const brought = this.#brought;
    const isGood = brought !== null && (brought.life === null || Date.now() < brought.life.endsAt);
    if (!isGood) return this.#next();
    if ((this.renewInMs ?? 1) <= 0 && Date.now() >= this.#askAgainAt) {
      this.#next().catch(() => this.#askAgainAt = Date.now() + ASK_AGAIN_MS);
    }
    return Promise.resolve(brought.text);
  }

  /** A token that need not be renewed yet. @throws (the promise) what the caller's function throws */
  fresh(): Promise<string> {
    return (this.renewInMs ?? 1) > 0 ? this.current() : this.#next();
  }

  /**
   * Says that the server has refused `token`; null: the one in force.
   * @returns true when another one may be had
   */
  refused(token: string | null): boolean {
    if (!this.isRenewable) return false;
    if (token === null || this.#brought?.text === token) this.#brought = null;
    return true;
  }

  #next(): Promise<string> {
    return this.#bringing ??= this.#bring().finally(() => this.#bringing = null);
  }

  async #bring(): Promise<string> {
    const asking = this.source as () => string | Promise<string>;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const words = `no token was brought within ${BRING_MS / 1_000} s`;
      timer = setTimeout(() => reject(new Error(words)), BRING_MS);
    });
    try {
      const text = trimmed(await Promise.race([Promise.resolve().then(asking), late]));
      this.#brought = { text, life: lifeOf(text) };
      return text;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A header carries these characters alone. */
const SENDABLE = /^[\x21-\x7e]+$/;

function trimmed(token: string | undefined): string {
  const text = typeof token === "string" ? token.trim() : "";
  if (SENDABLE.test(text)) return text;
  throw new TypeError(
    text === ""
      ? "the token of a Weir client is missing: it is an API key"
      : "the token of a Weir client has letters that no token has",
  );
}

/**
 * The life of a JWT; null for any other text. A page's clock may be hours off. Then the length of the
 * token's life counts, and not its end.
 */
function lifeOf(token: string): Life | null {
  const { iat, exp } = claimsOf(token);
  if (exp === null) return null;
  const now = Date.now();
  const leftMs = exp * 1_000 - now;
  const lifeMs = iat === null ? Math.max(0, leftMs) : (exp - iat) * 1_000;
  const usedMs = leftMs > 0 && leftMs <= lifeMs ? leftMs : lifeMs;
  const endsAt = now + usedMs;
  return { renewAt: endsAt - Math.min(EARLIEST_MS, RENEWED_AT_SHARE * lifeMs), endsAt };
}

function claimsOf(token: string): { readonly iat: number | null; readonly exp: number | null } {
  const [, claims, signature] = token.split(".");
  if (claims === undefined || signature === undefined) return { iat: null, exp: null };
  try {
    const text = atob(claims.replaceAll("-", "+").replaceAll("_", "/"));
    const { iat, exp } = JSON.parse(text) as { iat?: unknown; exp?: unknown };
    const time = (value: unknown) => typeof value === "number" ? value : null;
    return { iat: time(iat), exp: time(exp) };
  } catch {
    return { iat: null, exp: null };
  }
}
