/**
 * The token of a client: an API key, or a short-lived token that a function of the caller brings. The
 * function is asked at first, when the token is about to expire, and when the server has refused it.
 *
 * Tested in tests/client/api/token_test.ts.
 */

/** An API key, or a function that brings a token for each time one is needed anew. */
export type TokenSource = string | (() => string | Promise<string>);

/** A token is renewed so long before its end, so that none is refused on its way. */
const EARLY_MS = 15_000;

export class Token {
  #token: Promise<string> | null = null;
  /** The end of the token's life, by this machine's clock; null: unknown, or it has none. */
  #expiresAt: number | null = null;

  /** @throws TypeError when an API key is missing */
  constructor(readonly source: TokenSource) {
    if (typeof source !== "function") this.#token = Promise.resolve(trimmed(source));
  }

  /** True when a new token can be had. */
  get isRenewable(): boolean {
    return typeof this.source === "function";
  }

  /** The time until the token should be renewed, milliseconds; null: it has no end, or none follows it. */
  get renewInMs(): number | null {
    if (!this.isRenewable || this.#expiresAt === null) return null;
    return this.#expiresAt - EARLY_MS - Date.now();
  }

  /** The token in force. @throws what the caller's function throws */
  current(): Promise<string> {
    const isOver = this.#expiresAt !== null && this.#expiresAt - EARLY_MS < Date.now();
    if (this.#token !== null && !isOver) return this.#token;
    const brought = this.#bring();
    this.#token = brought;
    brought.catch(() => {
      if (this.#token === brought) this.#token = null;
    });
    return brought;
  }

  /** Says that the server has refused `token`. @returns true when another one may be had */
  refused(token: string | null): boolean {
    if (!this.isRenewable) return false;
    const held = this.#token;
    void held?.then((current) => {
      if (this.#token === held && (token === null || token === current)) this.#token = null;
    }, () => undefined);
    return true;
  }

  async #bring(): Promise<string> {
    this.#expiresAt = null;
    const token = trimmed(await (this.source as () => string | Promise<string>)());
    this.#expiresAt = expiryOf(token);
    return token;
  }
}

function trimmed(token: string | undefined): string {
  const text = token?.trim() ?? "";
  if (text !== "") return text;
  throw new TypeError("the token of a Weir client is missing: it is an API key");
}

/** The time at which a JWT ends, Unix milliseconds; null for any other text. */
function expiryOf(token: string): number | null {
  const [, claims, signature] = token.split(".");
  if (claims === undefined || signature === undefined) return null;
  try {
    const text = atob(claims.replaceAll("-", "+").replaceAll("_", "/"));
    const { exp } = JSON.parse(text) as { exp?: unknown };
    return typeof exp === "number" ? exp * 1_000 : null;
  } catch {
    return null;
  }
}
