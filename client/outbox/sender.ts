/**
 * The sender of an outbox: tries each entry that is due, a bounded number at once, and waits longer after
 * each failure. It looks again at a spilled order until the database has it.
 *
 * A failure that concerns all orders, such as a lost network, pauses all of them. One order after the other
 * tries then, with growing waits, and the first success lets the rest go.
 *
 * Tested in tests/client/outbox/sender_test.ts and outbox_test.ts.
 */
import type { WeirError } from "../api/weir_error.ts";
import { verdictOn } from "../api/verdict.ts";
import { backoffMs, type Clock } from "../clock.ts";
import { deferred } from "../deferred.ts";
import type { Attempt } from "../orders/attempt.ts";
import type { KeyedOrder } from "../orders/new_order.ts";
import type { Acknowledgement } from "../contract/mod.ts";
import { afterTry, isSettled, orphaned, type OutboxEntry, sending } from "./entry.ts";
import type { KeptEntries } from "./kept_entries.ts";
import { Pause } from "./pause.ts";

/** The entries that are to be sent. */
export interface Sendable {
  readonly kept: Pick<
    KeptEntries,
    "values" | "reload" | "keep" | "keepLater" | "isBehind" | "catchUp"
  >;
  /** Tells the reason why nothing can be sent; null: there is none. */
  blocked(error: WeirError | null): void;
}

export interface SenderParts {
  readonly clock: Clock;
  /** False: a refusal does not prove that its try stored nothing. */
  readonly isOnce: boolean;
  /**
   * Makes one try.
   * @param onTurn is awaited before the order leaves.
   */
  readonly tryOnce: (
    order: KeyedOrder,
    onTurn: () => Promise<void>,
    signal: AbortSignal,
  ) => Promise<Attempt<Acknowledgement>>;
  /** Calls back when the network may be there again. @returns ends that */
  readonly onOnline: (listener: () => void) => () => void;
}

/** Orders under way at once. Calls made together share a request. */
const AT_ONCE = 50;
/** A spilled order is safe, so it is asked about seldom. */
const SPILLED_MS = { first: 2_000, most: 60_000 };
/** A key that is refused may be replaced by a person. */
const OF_CALLER_MS = 5_000;

export class Sender {
  readonly #dueAt = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #underWay = new Set<string>();
  /** After a failure of all orders. */
  readonly #pause: Pause;
  /** The order that tries during the pause. */
  #probe: string | null = null;
  /** Counts the pauses: tries that began before one fail for the same reason, and do not make it longer. */
  #round = 0;
  /** After a failure of the store. */
  readonly #storePause: Pause;
  #isCatchingUp = false;
  #wake: () => void = () => undefined;

  constructor(readonly parts: SenderParts) {
    this.#pause = new Pause(parts.clock);
    this.#storePause = new Pause(parts.clock);
  }

  /** Says that there may be something to send. */
  wake(): void {
    this.#wake();
  }

  /** Sends until the signal aborts. Resolves when no try is under way any more. */
  async run(sendable: Sendable, signal: AbortSignal): Promise<void> {
    const { clock, onOnline } = this.parts;
    const offOnline = onOnline(() => {
      this.#dueAt.clear();
      this.#pause.cut();
      this.#storePause.cut();
      this.wake();
    });
    try {
      const { kept } = sendable;
      await kept.reload().catch(() => this.#storePause.failed());
      for (const entry of [...kept.values()]) {
        const known = orphaned(entry, new Date().toISOString());
        if (known !== entry) kept.keepLater(known);
      }
      while (!signal.aborted) {
        const { promise, resolve } = deferred<void>();
        this.#wake = resolve;
        const nextAt = Math.min(this.#catchUp(sendable), this.#sendDue(sendable, signal));
        const stop = nextAt === Infinity
          ? () => undefined
          : clock.after(Math.max(1, nextAt - clock.now()), resolve);
        await promise;
        stop();
      }
      while (this.#underWay.size > 0 || this.#isCatchingUp) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      offOnline();
    }
  }

  /** Lets the store do what it could not do before. @returns the time at which it is asked again */
  #catchUp({ kept }: Sendable): number {
    if (!kept.isBehind || this.#isCatchingUp) return Infinity;
    if (this.#storePause.until > this.parts.clock.now()) return this.#storePause.until;
    this.#isCatchingUp = true;
    void kept.catchUp()
      .then(() => this.#storePause.worked(), () => this.#storePause.failed())
      .then(() => {
        this.#isCatchingUp = false;
        this.wake();
      });
    return Infinity;
  }

  /** Begins the tries that are due. @returns the time at which the next one is */
  #sendDue(sendable: Sendable, signal: AbortSignal): number {
    const now = this.parts.clock.now();
    let nextAt = Infinity;
    const due: OutboxEntry[] = [];
    for (const entry of sendable.kept.values()) {
      const { orderId } = entry;
      if (isSettled(entry) || this.#underWay.has(orderId)) continue;
      const dueAt = this.#dueAt.get(orderId) ?? -Infinity;
      if (dueAt > now) nextAt = Math.min(nextAt, dueAt);
      else due.push(entry);
    }
    if (this.#pause.isOn) return this.#sendProbe(due, nextAt, sendable, signal);
    // With all places taken, the next try that ends wakes the sender.
    const free = Math.max(0, AT_ONCE - this.#underWay.size);
    for (const entry of due.slice(0, free)) void this.#send(sendable, entry, signal);
    return nextAt;
  }

  /** During a pause: the order that has failed least tries, so that none keeps the others from going. */
  #sendProbe(
    due: readonly OutboxEntry[],
    nextAt: number,
    sendable: Sendable,
    signal: AbortSignal,
  ): number {
    if (this.#probe !== null) return Infinity; // its end wakes the sender
    if (due.length === 0) return nextAt;
    if (this.#pause.until > this.parts.clock.now()) return this.#pause.until;
    const failuresOf = ({ orderId }: OutboxEntry) => this.#failures.get(orderId) ?? 0;
    const probe = due.reduce((least, entry) =>
      failuresOf(entry) < failuresOf(least) ? entry : least
    );
    this.#probe = probe.orderId;
    void this.#send(sendable, probe, signal);
    return Infinity;
  }

  async #send({ kept, blocked }: Sendable, entry: OutboxEntry, signal: AbortSignal): Promise<void> {
    const { orderId, order, state: before } = entry;
    this.#underWay.add(orderId);
    let round = this.#round;
    let isTaken = false;
    try {
      let sent = entry;
      const onTurn = async () => {
        round = this.#round;
        // A spilled order is only asked about.
        if (before === "spilled") return;
        sent = sending(entry, new Date().toISOString());
        isTaken = !(await kept.keep(sent));
        if (isTaken) throw new Error("somebody else sends it");
      };
      const outcome = await this.parts.tryOnce(order, onTurn, signal);
      const end = outcome.ok
        ? { acknowledgement: outcome.result }
        : { error: outcome.error, isOnce: this.parts.isOnce };
      const after = afterTry(sent, before, end, new Date().toISOString());
      this.#plan(after, outcome);
      this.#heard(outcome, round, blocked);
      await kept.keep(after).catch(() => {
        if (!this.#storePause.isOn) this.#storePause.failed();
        kept.keepLater(after);
      });
    } catch {
      // The store cannot keep it, another tab sends it, or the outbox is closed before the order's turn.
      this.#later(orderId, 0);
      if (!isTaken) this.#failedAll(round);
    } finally {
      this.#underWay.delete(orderId);
      if (this.#probe === orderId) this.#probe = null;
      this.wake();
    }
  }

  /** Takes from the end of a try what it says of all orders. */
  #heard(outcome: Attempt<Acknowledgement>, round: number, blocked: Sendable["blocked"]): void {
    if (outcome.ok) {
      this.#pause.worked();
      return blocked(null);
    }
    const { error } = outcome;
    if (error.reason === "unauthenticated" || error.reason === "no_token") {
      blocked(error);
      this.#failedAll(round, OF_CALLER_MS);
    } else if (error.reason === "no_answer" || error.reason === "no_connection") {
      this.#failedAll(round);
    } else {
      blocked(null);
      this.#pause.worked();
    }
  }

  #failedAll(round: number, atLeastMs = 0): void {
    if (round !== this.#round) return;
    this.#round++;
    this.#pause.failed(atLeastMs);
  }

  #plan(after: OutboxEntry, outcome: Attempt<Acknowledgement>): void {
    const { orderId } = after;
    if (isSettled(after)) {
      this.#dueAt.delete(orderId);
      this.#failures.delete(orderId);
    } else if (outcome.ok) {
      const asked = this.#failures.get(orderId) ?? 0;
      this.#failures.set(orderId, asked + 1);
      const waitMs = Math.min(SPILLED_MS.most, SPILLED_MS.first * 2 ** asked);
      this.#dueAt.set(orderId, this.parts.clock.now() + waitMs);
    } else {
      const { retryAfterMs } = outcome.error;
      const isOfCaller = verdictOn(outcome.error.reason) === "caller";
      this.#later(orderId, isOfCaller ? OF_CALLER_MS : retryAfterMs ?? 0);
    }
  }

  #later(orderId: string, atLeastMs: number): void {
    const failures = (this.#failures.get(orderId) ?? 0) + 1;
    this.#failures.set(orderId, failures);
    const { clock } = this.parts;
    this.#dueAt.set(orderId, clock.now() + atLeastMs + backoffMs(clock, failures));
  }
}
