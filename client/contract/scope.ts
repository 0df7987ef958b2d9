/**
 * Scopes: everything that an API key can be allowed, and the answer of `whoami`.
 * Tested in tests/server/router/errors_test.ts and whoami_test.ts.
 */
import { z } from "zod";

export const SCOPES = ["orders:write", "orders:read", "dashboard:read", "ops"] as const;
export const scopeInput = z.enum(SCOPES);
export type Scope = typeof SCOPES[number];

/** An API key or a browser token as its own caller sees it. */
export interface Whoami {
  /**
   * The name of the token, else the label that the key was made with; `development` for the key of
   * `WEIR_DEV_KEY`.
   */
  readonly name: string;
  /** In the order of the contract's table. */
  readonly scopes: readonly Scope[];
  /** The only store that the key is for; null: it is for several or for all. */
  readonly storeId: string | null;
  /** The stores that the key is for; null: all stores. */
  readonly stores: readonly string[] | null;
  /** The currencies of the orders that it may place; null: all. */
  readonly currencies: readonly string[] | null;
  /** The procedures that a token may call, besides `whoami` and `renewToken`; null for a key. */
  readonly procedures: readonly string[] | null;
  /** The time at which a token expires, as ISO 8601 in UTC; null for a key. */
  readonly expiresAt: string | null;
}
