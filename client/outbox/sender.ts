/**
 * The sender of an outbox: tries each entry that is due, a bounded number at once, and waits longer after
 * each failure. It looks again at a spilled order until the database has it.
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

/** The entries that are to be sent. */
export interface Sendable {
  entries(): Iterable<OutboxEntry>;
  reload(): Promise<void>;
  /** Keeps a new form of an entry. */
  keep(entry: OutboxEntry): Promise<void>;
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
  #wake: () => void = () => undefined;

  constructor(readonly parts: SenderParts) {}

  /** Says that there may be something to send. */
  wake(): void {
    this.#wake();
  }

  /** Sends until the signal aborts. Resolves when no try is under way any more. */
  async run(sendable: Sendable, signal: AbortSignal): Promise<void> {
    const { clock, onOnline } = this.parts;
    const offOnline = onOnline(() => {
      this.#dueAt.clear();
      this.wake();
    });
    try {
      await sendable.reload();
      for (const entry of [...sendable.entries()]) {
        const known = orphaned(entry, new Date().toISOString());
        if (known !== entry) await sendable.keep(known);
      }
      while (!signal.aborted) {
        const { promise, resolve } = deferred<void>();
        this.#wake = resolve;
        const nextAt = this.#sendDue(sendable, signal);
        const stop = nextAt === Infinity
          ? () => undefined
          : clock.after(Math.max(1, nextAt - clock.now()), resolve);
        await promise;
        stop();
      }
      while (this.#underWay.size > 0) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      offOnline();
    }
  }

  /** Begins the tries that are due. @returns the time at which the next one is */
  #sendDue(sendable: Sendable, signal: AbortSignal): number {
    const now = this.parts.clock.now();
    let nextAt = Infinity;
    for (const entry of [...sendable.entries()]) {
      const { orderId } = entry;
      if (isSettled(entry) || this.#underWay.has(orderId)) continue;
      const dueAt = this.#dueAt.get(orderId) ?? -Infinity;
      if (dueAt > now) nextAt = Math.min(nextAt, dueAt);
      else if (this.#underWay.size < AT_ONCE) void this.#send(sendable, entry, signal);
      // With all places taken, the next try that ends wakes the sender.
    }
    return nextAt;
  }

  async #send(sendable: Sendable, entry: OutboxEntry, signal: AbortSignal): Promise<void> {
    const { orderId, order, state: before } = entry;
    this.#underWay.add(orderId);
    try {
      let sent = entry;
      const onTurn = async () => {
        // A spilled order is only asked about.
        if (before === "spilled") return;
        sent = sending(entry, new Date().toISOString());
        await sendable.keep(sent);
      };
      const outcome = await this.parts.tryOnce(order, onTurn, signal);
      const end = outcome.ok
        ? { acknowledgement: outcome.result }
        : { error: outcome.error, isOnce: this.parts.isOnce };
      const after = afterTry(sent, before, end, new Date().toISOString());
      this.#plan(after, outcome);
      if (outcome.ok) sendable.blocked(null);
      else if (outcome.error.reason === "unauthenticated") sendable.blocked(outcome.error);
      await sendable.keep(after);
    } catch {
      // The store could not keep it, or the outbox is closed before the order's turn.
      this.#later(orderId, 0);
    } finally {
      this.#underWay.delete(orderId);
      this.wake();
    }
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
