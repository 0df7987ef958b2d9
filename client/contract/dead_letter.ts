/**
 * Dead letters as operators see them, and the reports of their replays.
 * Tested in tests/server/orders/dead_letters_test.ts.
 */
import { z } from "zod";
import { type Acknowledgement, type PlaceInput, placeInput } from "./order.ts";
import type { BrokenRule } from "./broken_rule.ts";
import type { Refusal, RefusalReason } from "./refusal.ts";
import { cursorInput, plainText, storeIdInput } from "./text.ts";

/**
 * `rejected`: a constraint or a type of the database refused the order's content. `conflict`: the
 * order came out of the overflow, and the database holds other content under its key.
 */
export type LetterReason = "rejected" | "conflict";
export const LETTER_STATES = ["open", "replayed", "settled", "discarded"] as const;
export type LetterState = typeof LETTER_STATES[number];

export interface DeadLetter {
  readonly id: string;
  readonly storeId: string;
  readonly orderId: string;
  /** `settled`: the order was placed again under its key, with content that was taken. */
  readonly state: LetterState;
  readonly reason: LetterReason;
  /** The SQLSTATE that the database gave; `idempotency_mismatch` for a conflict. */
  readonly code: string;
  /** The rule that the latest failure broke. Null: an older version met it and kept the code alone. */
  readonly rule: BrokenRule | null;
  /** The order as it was placed. */
  readonly payload: PlaceInput;
  /**
   * The time at which the order was acknowledged as `spilled`, which it keeps. Null: it never was.
   */
  readonly placedAt: string | null;
  readonly failures: number;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
  readonly closedAt: string | null;
  /** The id of the API key; `intake` when a commit settled the letter. */
  readonly closedBy: string | null;
  readonly closeNote: string | null;
  /** The corrected order that an operator placed instead; null: as it was, or not replayed. */
  readonly replayPayload: PlaceInput | null;
}

export interface LetterPage {
  readonly letters: readonly DeadLetter[];
  /** The beginning of the next page; null when there is none. */
  readonly nextCursor: string | null;
}

export interface Replay {
  readonly order: Acknowledgement;
  /** The letter after the replay; still open when the order was only spilled. */
  readonly letter: DeadLetter;
}

/**
 * The fate of one letter of many; in a dry run, the fate that it would have.
 *
 *   committed  the order was stored.
 *   spilled    the order is in the overflow, its letter open until it is committed.
 *   duplicate  the same order was stored before; its letter is closed.
 *   failing    `reason` and `rule` say why; its letter is open.
 *   closed     somebody else closed the letter first.
 */
export type ReplayOutcome = "committed" | "spilled" | "duplicate" | "failing" | "closed";

export interface ReplayResult {
  readonly id: string;
  readonly outcome: ReplayOutcome;
  readonly reason?: RefusalReason;
  /** The rule that a failing order breaks. */
  readonly rule?: BrokenRule;
}

export interface ReplayManyReport {
  /** In the order of the tries: the letter that has waited longest comes first. */
  readonly results: readonly ReplayResult[];
  /** The reason why the run ended before its last letter, such as an outage; null: it did not. */
  readonly stoppedBy: Refusal | null;
}

export interface ListLettersInput {
  /** Left out: all stores. */
  readonly storeId?: string | undefined;
  /** `open` when left out. */
  readonly state?: LetterState | undefined;
  /** The most letters of the page; 50 when left out. */
  readonly limit?: number | undefined;
  /** The `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

export const listLettersInput = z.strictObject({
  storeId: storeIdInput.optional(),
  state: z.enum(LETTER_STATES).default("open"),
  limit: z.int().min(1).max(200).default(50),
  cursor: cursorInput.optional(),
});

export interface LetterInput {
  readonly id: string;
}

export interface ReplayInput extends LetterInput {
  /** The corrected order; left out: as it was placed. */
  readonly payload?: PlaceInput | undefined;
}

export interface DiscardInput extends LetterInput {
  readonly reason: string;
}

export const letterInput = z.strictObject({ id: z.uuid() });
export const replayInput = letterInput.extend({ payload: placeInput.optional() });
export const discardInput = letterInput.extend({ reason: plainText(1, 256) });

export interface ReplayManyInput {
  /** Left out: all stores. */
  readonly storeId?: string | undefined;
  readonly limit: number;
  /** True: nothing is placed, and each letter has the outcome that it would have. */
  readonly dryRun?: boolean | undefined;
}

export const replayManyInput = z.strictObject({
  storeId: storeIdInput.optional(),
  limit: z.int().min(1).max(500),
  dryRun: z.boolean().default(false),
});
