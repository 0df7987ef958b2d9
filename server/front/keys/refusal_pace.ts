/**
 * The pace of refusals to callers without a key. Their refusals cost the instance no more than a
 * part of its time, however many strangers there are: past `PER_SECOND` each is held back for a
 * while, and a stranger that waits for its answer asks nothing meanwhile.
 *
 * A caller with a key in force never comes here.
 */
import { pause } from "../../../sql/waiting.ts";

/** So many refusals a second are answered at once. */
const PER_SECOND = 100;
/** A refusal is late by this much at most: a caller that made a mistake still hears of it. */
const MAX_WAIT_MS = 15_000;
/** The refusals that are held back at once. Each costs about a kilobyte and the caller's connection. */
const MAX_HELD = 10_000;

export class RefusalPace {
  /** When the refusals of the latest second are paid for. */
  #paidAt = -Infinity;
  #held = 0;

  /** @param now monotonic, milliseconds. @param random from 0 to 1. */
  constructor(readonly now: () => number, readonly random: () => number = Math.random) {}

  /** Resolves when the next refusal may be answered. */
  async turn(): Promise<void> {
    const now = this.now();
    const paidAt = Math.max(now, this.#paidAt) + 1_000 / PER_SECOND;
    this.#paidAt = Math.min(paidAt, now + 1_000 + MAX_WAIT_MS);
    const dueMs = this.#paidAt - now - 1_000;
    if (dueMs <= 0 || this.#held >= MAX_HELD) return;
    this.#held++;
    // Without a spread, callers that were refused together would come again together.
    await pause(dueMs * (0.75 + this.random() / 4));
    this.#held--;
  }
}
