/**
 * The claims of a browser token, and the procedures that a token can be for.
 *
 * Claims are strict, unlike those of most tokens: a limit whose name is misspelt would otherwise be
 * no limit. Tested in tests/server/front/keys/browser_tokens_test.ts.
 */
import { z } from "zod";
import { plainText, storeIdInput } from "../text.ts";
import { TOKEN_AUDIENCE } from "./signing_key.ts";

/** Every procedure, by its path, in the order of the contract's table. */
export const PROCEDURES = [
  "orders.place",
  "orders.placeMany",
  "orders.cancel",
  "orders.get",
  "orders.list",
  "orders.onStatus",
  "dashboard.snapshot",
  "dashboard.live",
  "dashboard.livePatches",
  "ops.status",
  "ops.onStatus",
  "ops.deadLetters.list",
  "ops.deadLetters.get",
  "ops.deadLetters.replay",
  "ops.deadLetters.replayMany",
  "ops.deadLetters.discard",
  "ops.aggregate",
  "ops.audit",
  "whoami",
  "renewToken",
] as const;
export type ProcedurePath = typeof PROCEDURES[number];

/** The most letters of a token: a header has room for it, and a guess costs little. */
export const MAX_TOKEN_LETTERS = 4_096;

/** Seconds since 1970, as JWT has its times. */
const seconds = z.number();

export const claimsInput = z.strictObject({
  aud: z.literal(TOKEN_AUDIENCE),
  iat: seconds,
  exp: seconds,
  nbf: seconds.optional(),
  jti: plainText(1, 128).optional(),
  procedures: z.array(z.enum(PROCEDURES)).min(1).max(PROCEDURES.length),
  storeId: storeIdInput.optional(),
  name: plainText(1, 128).optional(),
});
export type TokenClaims = z.output<typeof claimsInput>;

export const renewTokenInput = z.strictObject({
  token: z.string().pipe(z.string().min(1).max(MAX_TOKEN_LETTERS)),
});

/** The input of `renewToken`. */
export interface RenewTokenInput {
  /** A browser token of the same API key as the one before, in force. */
  readonly token: string;
}

/** The answer of `renewToken`. */
export interface RenewedToken {
  /** The time at which the new token expires. */
  readonly expiresAt: string;
}
