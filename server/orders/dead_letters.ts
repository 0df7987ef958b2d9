/**
 * Operating the dead letters: looking at them, replaying them, discarding them. Operators come here
 * by `ops.deadLetters`, or from a shell by `deno task dlq`.
 *
 * A replay takes the way of every order, `place`. So an order stays one order when it is replayed
 * twice, by two operators at once, or while its own client sends it again. The commit settles the
 * letter in the same statement; after that the letter is marked as replayed, with the operator and
 * the payload. A refused order leaves its letter open. A `spilled` order does too: its commit settles
 * the letter later.
 *
 * A letter is closed once. Whoever comes second hears `letter_closed`, and who closed it.
 */
import { classify } from "../../sql/connection/failure.ts";
import type { Answer, PlaceOrder } from "../../client/contract/order.ts";
import type { BrokenRule } from "../../client/contract/broken_rule.ts";
import type {
  DeadLetter,
  LetterPage,
  LetterReason,
  Replay,
  ReplayManyReport,
  ReplayResult,
} from "../../client/contract/dead_letter.ts";
import { Refused } from "../../client/contract/refused.ts";
import { type Refusal, type RefusalReason, refuse } from "../../client/contract/refusal.ts";
import type { Pool } from "../../sql/connection/database.ts";
import { brokenRule, DROPPED } from "../../sql/orders/broken_rule.ts";
import {
  closeLetter,
  type Closing,
  countFailure,
  listLongestWaiting,
  readConflict,
  readLetter,
} from "../../sql/orders/dead_letters.ts";
import { type LetterListOptions, listLetters } from "../../sql/orders/letter_list.ts";
import { tryOrder } from "../../sql/orders/dry_run.ts";
import { toNewOrder } from "../../sql/orders/new_order.ts";
import { pause } from "../../sql/waiting.ts";
import { orderOfLetter } from "./letter_order.ts";
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
  /** Null: the caller may place the letter's order. Else the letter fails with this refusal. */
  readonly forbids?: (letter: DeadLetter) => Refusal | null;
  /** Ends the run before the next letter. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reasons that lie in the order itself. Any other reason ends `replayMany`, because the next letter
 * would be refused too.
 */
const OF_THE_ORDER: ReadonlySet<RefusalReason> = new Set([
  "rejected",
  "idempotency_mismatch",
  "invalid_input",
]);

const CLOSING_FAILED = refuse(
  "outcome_unknown",
  "the order is committed, but the database went away before its letter was marked as replayed",
  1_000,
);

/** Said to an operator whose replay found the letter closed by somebody else. */
const STORED = "; its order is stored";

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

  /** Closes a letter for good. @throws Refused letter_closed */
  async discard({ id }: DeadLetter, by: string, reason: string): Promise<DeadLetter> {
    const closing: Closing = { state: "discarded", by, note: reason, replayPayload: null };
    const discarded = await orUnavailable(closeLetter(this.options.pool, id, closing));
    if (discarded !== null) return discarded;
    throw alreadyClosed(await this.get(id));
  }

  /**
   * Places a letter's order, as it is or as an operator corrected it.
   * @throws Refused with what the order was refused for; Refused letter_closed when somebody else
   *   closed the letter; Refused invalid_input when `corrected` is another order, or the letter's
   *   payload is none.
   */
  async replay(letter: DeadLetter, by: string, corrected: PlaceOrder | null): Promise<Replay> {
    const { pool, place } = this.options;
    assertOpen(letter);
    const toPlace = await this.#orderToPlace(letter, corrected);
    const answer = await place(toPlace);
    if (!answer.ok) {
      const { refusal } = answer;
      if (refusal.reason !== "idempotency_mismatch") throw new Refused(refusal);
      throw await this.#mismatch(letter, toPlace, corrected === null, refusal);
    }
    const order = answer.acknowledgement;
    if (order.status === "spilled") return { order, letter };
    const replayPayload = corrected === null ? null : contentOf(corrected);
    const closing: Closing = { state: "replayed", by, note: null, replayPayload };
    try {
      // The commit that stored the order has settled the letter. An order that was stored before
      // was stored by somebody else, and so was its letter settled.
      const closed = await closeLetter(pool, letter.id, closing, !order.replayed);
      if (closed !== null) return { order, letter: closed };
      throw alreadyClosed(await readLetter(pool, letter.id) ?? letter, STORED);
    } catch (error) {
      if (error instanceof Refused || !isOutage(error)) throw error;
      throw new Refused(CLOSING_FAILED);
    }
  }

  /** @throws Refused invalid_input, which counts as a failure of a letter whose payload is no order */
  async #orderToPlace(letter: DeadLetter, corrected: PlaceOrder | null): Promise<PlaceOrder> {
    try {
      return orderOfLetter(letter, corrected);
    } catch (error) {
      const rule = error instanceof Refused ? error.refusal.rule : undefined;
      if (rule !== undefined) await this.#count(letter.id, letter.reason, rule);
      throw error;
    }
  }

  /** The refusal of an order whose key has other content. @param asItWas without a correction */
  async #mismatch(letter: DeadLetter, placed: PlaceOrder, asItWas: boolean, refusal: Refusal) {
    const { pool } = this.options;
    try {
      const now = await readLetter(pool, letter.id);
      // Another letter of this order was replayed meanwhile, and its commit closed this one too.
      if (now !== null && now.state !== "open") return alreadyClosed(now);
      const rule = await pool.run((sql) => readConflict(sql, toNewOrder(placed)));
      if (asItWas) await this.#count(letter.id, "conflict", rule);
      return new Refused({ ...refusal, rule });
    } catch (error) {
      if (!isOutage(error)) throw error;
      return new Refused(refusal);
    }
  }

  /** The count is only for operators: if it fails, the order's answer stands all the same. */
  async #count(id: string, reason: LetterReason, rule: BrokenRule): Promise<void> {
    await countFailure(this.options.pool, id, reason, rule).catch(() => undefined);
  }

  /** The result that a replay would have. @throws Refused as `replay` does for the letter and its payload */
  async dryRun(letter: DeadLetter, corrected: PlaceOrder | null): Promise<ReplayResult> {
    assertOpen(letter);
    const order = toNewOrder(orderOfLetter(letter, corrected));
    const { pool } = this.options;
    const { id } = letter;
    try {
      const outcome = await tryOrder(pool, order);
      if (outcome === "commit") return { id, outcome: "committed" };
      if (outcome === "duplicate") return { id, outcome };
      if (outcome === "dropped") {
        return { id, outcome: "failing", reason: "rejected", rule: DROPPED };
      }
      const rule = await pool.run((sql) => readConflict(sql, order));
      return { id, outcome: "failing", reason: "idempotency_mismatch", rule };
    } catch (error) {
      if (classify(error).kind !== "data") throw asRefused(error);
      return { id, outcome: "failing", reason: "rejected", rule: brokenRule(error, order) };
    }
  }

  /**
   * Replays open letters as they are, one after the other.
   * @throws Refused what stopped the run, when that was at its first letter.
   */
  async replayMany(run: ReplayManyOptions): Promise<ReplayManyReport> {
    const { pool } = this.options;
    const ids = await orUnavailable(listLongestWaiting(pool, run.storeId, run.limit));
    const results: ReplayResult[] = [];
    const committed = new Set<string>();
    for (const id of ids) {
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
    { by, dryRun, forbids }: ReplayManyOptions,
    committed: ReadonlySet<string>,
  ): Promise<ReplayResult> {
    const { id } = letter;
    if (committed.has(letter.orderId)) return { id, outcome: "closed" };
    const forbidden = forbids?.(letter) ?? null;
    if (forbidden !== null) return { id, outcome: "failing", reason: forbidden.reason };
    try {
      if (dryRun) return await this.dryRun(letter, null);
      const { order } = await this.replay(letter, by, null);
      if (order.status === "spilled") return { id, outcome: "spilled" };
      return { id, outcome: order.replayed ? "duplicate" : "committed" };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { reason, rule } = error.refusal;
      if (reason === "letter_closed") return { id, outcome: "closed" };
      if (!OF_THE_ORDER.has(reason)) throw error;
      return { id, outcome: "failing", reason, ...(rule === undefined ? {} : { rule }) };
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

/** @throws Refused letter_closed */
function assertOpen(letter: DeadLetter): void {
  if (letter.state !== "open") throw alreadyClosed(letter);
}

function contentOf({ deadlineMs: _, ...content }: PlaceOrder): Closing["replayPayload"] {
  return content;
}

/** @param more what else the caller must know. */
function alreadyClosed(letter: DeadLetter, more = ""): Refused {
  const { state, closedBy, closedAt, closeNote } = letter;
  const note = closeNote === null ? "" : ` (${closeNote})`;
  const message = `the letter is closed: ${state} by ${closedBy} at ${closedAt}${note}${more}`;
  return new Refused(refuse("letter_closed", message));
}
