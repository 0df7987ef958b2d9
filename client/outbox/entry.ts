/**
 * An entry of the outbox: an order on its way, and how far it has come. It is plain JSON, so any store can
 * keep it.
 *
 * Tested in tests/client/outbox/entry_test.ts.
 */
import { verdictOn } from "../api/verdict.ts";
import { type NamedOrder, WeirError } from "../api/weir_error.ts";
import type { FailureReason } from "../api/verdict.ts";
import type { Acknowledgement, BrokenRule, InputIssue } from "../contract/mod.ts";
import { nameOf, type PreparedOrder } from "../orders/new_order.ts";
import type { KeyedOrder } from "../orders/new_order.ts";

/**
 * - `waiting`: kept here, and stored nowhere else.
 * - `sent`: a try is under way.
 * - `unknown`: a try ended without an answer. It may be stored; the next try finds out.
 * - `spilled`: Weir has it on disk. The database gets it later.
 * - `committed`: it is in Weir's database. Settled.
 * - `refused`: Weir refuses it for good, and nothing of it is stored. Settled.
 */
export type EntryState = "waiting" | "sent" | "unknown" | "spilled" | "committed" | "refused";

/** The latest failure of an entry. */
export interface OutboxFailure {
  readonly reason: FailureReason;
  readonly message: string;
  readonly issues: readonly InputIssue[];
  readonly rule: BrokenRule | null;
  readonly deadLetterId: string | null;
}

export interface OutboxEntry extends NamedOrder {
  readonly order: KeyedOrder;
  readonly state: EntryState;
  /** ISO 8601, by this machine's clock. */
  readonly addedAt: string;
  readonly changedAt: string;
  readonly tries: number;
  /** The newest; null: Weir has not acknowledged it. */
  readonly acknowledgement: Acknowledgement | null;
  /** The latest failure; null: none, or Weir has it by now. */
  readonly failure: OutboxFailure | null;
}

/** The end of one try of an entry. */
export type TryEnd =
  | { readonly acknowledgement: Acknowledgement }
  | {
    readonly error: WeirError;
    /** False: a refusal does not prove that the try stored nothing. */
    readonly isOnce: boolean;
  };

export function newEntry({ order }: PreparedOrder, at: string): OutboxEntry {
  return {
    ...nameOf(order),
    order,
    state: "waiting",
    addedAt: at,
    changedAt: at,
    tries: 0,
    acknowledgement: null,
    failure: null,
  };
}

/** True when nothing more will happen to the entry by itself. */
export function isSettled({ state }: OutboxEntry): boolean {
  return state === "committed" || state === "refused";
}

/** The entry while a try is under way. */
export function sending(entry: OutboxEntry, at: string): OutboxEntry {
  return { ...entry, state: "sent", changedAt: at, tries: entry.tries + 1 };
}

/** The entry of a sender that is gone: its try may have stored the order. */
export function orphaned(entry: OutboxEntry, at: string): OutboxEntry {
  return entry.state === "sent" ? { ...entry, state: "unknown", changedAt: at } : entry;
}

/**
 * True when `next` may take the place of `known`, the form that the store has. Two who send the same order
 * each begin a try of another number, and the slower one takes nothing back: `committed` stays, `spilled`
 * stays but for an end, and `refused` stays until somebody lets it wait again.
 */
export function mayReplace(known: OutboxEntry, next: OutboxEntry): boolean {
  if (known.state === "committed" || next.state === "committed") return next.state === "committed";
  if (next.state === "spilled") return true;
  const isOlder = next.tries < known.tries;
  if (known.state === "spilled") return next.state === "refused" && !isOlder;
  if (known.state === "refused") {
    return next.tries === known.tries && (next.state === "refused" || next.state === "waiting");
  }
  return next.state === "sent" ? next.tries > known.tries : !isOlder;
}

/**
 * The entry after a try.
 * @param before the state before this try: a refusal for now says nothing of the tries before. A try that
 * began in the state `sent` had one before it of which nobody knows the end.
 */
export function afterTry(
  entry: OutboxEntry,
  before: EntryState,
  end: TryEnd,
  at: string,
): OutboxEntry {
  if ("acknowledgement" in end) {
    const { acknowledgement } = end;
    return {
      ...entry,
      state: acknowledgement.status,
      changedAt: at,
      acknowledgement,
      failure: null,
    };
  }
  const { reason, message, issues, rule, deadLetterId } = end.error;
  const failure = { reason, message, issues, rule, deadLetterId };
  return { ...entry, state: stateAfter(end, before), changedAt: at, failure };
}

function stateAfter(
  { error: { reason }, isOnce }: Extract<TryEnd, { error: WeirError }>,
  before: EntryState,
): EntryState {
  const verdict = verdictOn(reason);
  if (verdict === "content") return "refused";
  if (before === "spilled") return "spilled";
  // A key that has run out may be replaced. Only a key that is not for this order refuses it.
  if (reason === "forbidden" && before === "waiting") return "refused";
  const mayBeStored = verdict === "unknown" || (verdict === "for_now" && !isOnce);
  return mayBeStored || before === "unknown" || before === "sent" ? "unknown" : "waiting";
}
