/**
 * Operating the dead letters: looking at them, replaying them, discarding them. Operators come here
 * by `ops.deadLetters`, or from a shell by `deno task dlq`.
 *
 * A replay takes the way of every order, `place`. So an order stays one order when it is replayed
 * twice, by two operators at once, or while its own client sends it again. The commit settles the
 * letter in the same statement; after that the letter is marked as replayed, with the operator and
 * the payload. A refused order leaves its letter open. A `spilled` order does too: its commit settles
 * the letter later.
 */
import { classify } from "../../sql/connection/failure.ts";
import { type Answer, placeInput, type PlaceOrder } from "../../client/contract/order.ts";
import type {
  DeadLetter,
  LetterPage,
  Replay,
  ReplayManyReport,
  ReplayResult,
} from "../../client/contract/dead_letter.ts";
import { invalidInput, Refused } from "../../client/contract/refused.ts";
import { type RefusalReason, refuse } from "../../client/contract/refusal.ts";
import type { Pool } from "../../sql/connection/database.ts";
import {
  closeLetter,
  type Closing,
  countFailure,
  type LetterListOptions,
  listLetters,
  listLongestWaiting,
  readLetter,
} from "../../sql/orders/dead_letters.ts";
import { tryOrder } from "../../sql/orders/dry_run.ts";
import { toNewOrder } from "../../sql/orders/new_order.ts";
import { pause } from "../../sql/waiting.ts";
import { asRefused, isOutage, orUnavailable } from "./outage.ts";

/** Slow enough to leave the database to new orders. */
export const REPLAYS_PER_SECOND = 100;

export interface DeadLetterOptions {
  /** For letters; the replayed orders take another way. */
  readonly pool: Pool;
  /** The way of every order. */
  readonly place: (order: PlaceOrder) => Promise<Answer>;
  /** Letters that `replayMany` begins in a second, for all callers together. */
  readonly replaysPerSecond: number;
}

export interface ReplayManyOptions {
  /** Null: letters of all stores. */
  readonly storeId: string | null;
  readonly limit: number;
  /** Say what would happen, and store nothing. */
  readonly dryRun: boolean;
  readonly by: string;
  /** Ends the run before the next letter. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reasons that lie in the order itself. Any other reason ends `replayMany`, because the next letter
 * would be refused too.
 */
const OF_THE_ORDER: ReadonlySet<RefusalReason> = new Set(["rejected", "idempotency_mismatch"]);

const CLOSING_FAILED = refuse(
  "outcome_unknown",
  "the order is committed, but the database went away before its letter was marked as replayed",
  1_000,
);

export class DeadLetters {
  /** When the next letter of many may be begun, by `performance.now`. */
  #nextAt = 0;

  constructor(readonly options: DeadLetterOptions) {}

  /** @throws Refused unavailable, as all of these do while the database is away */
  list(options: LetterListOptions): Promise<LetterPage> {
    return orUnavailable(listLetters(this.options.pool, options));
  }

  /** @throws Refused not_found */
  async get(id: string): Promise<DeadLetter> {
    const letter = await orUnavailable(readLetter(this.options.pool, id));
    if (letter !== null) return letter;
    throw new Refused(refuse("not_found", "there is no dead letter with this id"));
  }

  /** Closes a letter for good. @throws Refused invalid_input when it is closed already */
  async discard({ id }: DeadLetter, by: string, reason: string): Promise<DeadLetter> {
    const closing: Closing = { state: "discarded", by, note: reason, replayPayload: null };
    const discarded = await orUnavailable(closeLetter(this.options.pool, id, closing));
    if (discarded !== null) return discarded;
    throw alreadyClosed(await this.get(id));
  }

  /**
   * Places a letter's order, as it is or as an operator corrected it.
   * @throws Refused with what the order was refused for; Refused invalid_input when the
   *   letter is closed, or `corrected` is another order.
   */
  async replay(letter: DeadLetter, by: string, corrected: PlaceOrder | null): Promise<Replay> {
    if (letter.state !== "open") throw alreadyClosed(letter);
    const { pool, place } = this.options;
    const answer = await place(orderOf(letter, corrected));
    if (!answer.ok) {
      const { refusal } = answer;
      if (corrected === null && refusal.reason === "idempotency_mismatch") {
        // The count is only for operators: if it fails, the order's answer stands all the same.
        await countFailure(pool, letter.id, "conflict", refusal.reason).catch(() => undefined);
      }
      throw new Refused(refusal);
    }
    const order = answer.acknowledgement;
    if (order.status === "spilled") return { order, letter };
    const replayPayload = corrected === null ? null : contentOf(corrected);
    const closing: Closing = { state: "replayed", by, note: null, replayPayload };
    try {
      const closed = await closeLetter(pool, letter.id, closing);
      return { order, letter: closed ?? await readLetter(pool, letter.id) ?? letter };
    } catch (error) {
      if (!isOutage(error)) throw error;
      throw new Refused(CLOSING_FAILED);
    }
  }

  /** The result that a replay would have. @throws Refused as `replay` does for the letter and its payload */
  async dryRun(letter: DeadLetter, corrected: PlaceOrder | null): Promise<ReplayResult> {
    if (letter.state !== "open") throw alreadyClosed(letter);
    const order = toNewOrder(orderOf(letter, corrected));
    const { id } = letter;
    try {
      const outcome = await tryOrder(this.options.pool, order);
      if (outcome === "commit") return { id, outcome: "committed" };
      if (outcome === "duplicate") return { id, outcome };
      return { id, outcome: "still_failing", reason: "idempotency_mismatch" };
    } catch (error) {
      if (classify(error).kind !== "data") throw asRefused(error);
      return { id, outcome: "still_failing", reason: "rejected" };
    }
  }

  /**
   * Replays open letters as they are, one after the other.
   * @throws Refused what stopped the run, when that was at its first letter.
   */
  async replayMany(run: ReplayManyOptions): Promise<ReplayManyReport> {
    const { pool } = this.options;
    const letters = await orUnavailable(listLongestWaiting(pool, run.storeId, run.limit));
    const results: ReplayResult[] = [];
    const committed = new Set<string>();
    for (const { id } of letters) {
      await this.#awaitPace(run.signal);
      if (run.signal?.aborted === true) break;
      try {
        const letter = await this.get(id);
        const result = await this.#replayOne(letter, run, committed);
        if (result.outcome === "committed") committed.add(letter.orderId);
        results.push(result);
      } catch (error) {
        if (results.length === 0 || !(error instanceof Refused)) throw error;
        return { results, stoppedBy: error.refusal };
      }
    }
    return { results, stoppedBy: null };
  }

  /**
   * @param committed the orders that this run has committed, or would commit in a dry run. All
   *   their letters are settled.
   */
  async #replayOne(
    letter: DeadLetter,
    { by, dryRun }: ReplayManyOptions,
    committed: ReadonlySet<string>,
  ): Promise<ReplayResult> {
    const { id } = letter;
    if (letter.state !== "open" || committed.has(letter.orderId)) return { id, outcome: "closed" };
    if (!placeInput.safeParse(letter.payload).success) {
      const { pool } = this.options;
      if (!dryRun) await orUnavailable(countFailure(pool, id, "rejected", "invalid_input"));
      return { id, outcome: "still_failing", reason: "invalid_input" };
    }
    if (dryRun) return await this.dryRun(letter, null);
    try {
      const { order } = await this.replay(letter, by, null);
      if (order.status === "spilled") return { id, outcome: "spilled" };
      return { id, outcome: order.replayed ? "duplicate" : "committed" };
    } catch (error) {
      if (!(error instanceof Refused) || !OF_THE_ORDER.has(error.refusal.reason)) throw error;
      return { id, outcome: "still_failing", reason: error.refusal.reason };
    }
  }

  /** Waits until the pace allows one more letter. */
  async #awaitPace(signal: AbortSignal | undefined): Promise<void> {
    const now = performance.now();
    const at = Math.max(now, this.#nextAt);
    this.#nextAt = at + 1_000 / this.options.replaysPerSecond;
    if (at > now) await pause(at - now, signal);
  }
}

/** The order to place. @throws Refused invalid_input */
function orderOf(letter: DeadLetter, corrected: PlaceOrder | null): PlaceOrder {
  if (corrected === null) return placeInput.parse(letter.payload);
  for (const field of ["storeId", "idempotencyKey"] as const) {
    if (corrected[field] !== letter.payload[field]) {
      throw invalidInput(`payload.${field}`, `must stay ${letter.payload[field]}`);
    }
  }
  return corrected;
}

function contentOf({ deadlineMs: _, ...content }: PlaceOrder): Closing["replayPayload"] {
  return content;
}

function alreadyClosed({ state, closedBy, closedAt }: DeadLetter): Error {
  return invalidInput(
    "id",
    `is of a letter that is closed: ${state} by ${closedBy} at ${closedAt}`,
  );
}
