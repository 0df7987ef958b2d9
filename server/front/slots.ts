/**
 * Whose turn it is on a connection: the streams over it send one frame at a time, and the next one
 * only when the client has taken all that was sent before.
 *
 * So however many streams share a connection, a client that does not read costs one frame. They
 * share rather than having a budget each, because a hundred budgets would be a hundred times as
 * much; and nobody starves, since turns are given in the order in which they were asked for.
 */

import type { Slot } from "../router/context.ts";

export class Slots {
  /** Resolves when everyone who has asked so far has had a turn. */
  #last: Promise<void> = Promise.resolve();

  /** @param drained resolves when nothing is unread, or the connection is gone. */
  constructor(readonly drained: () => Promise<void>) {}

  /** A place for one more stream; disposed of, it holds nobody up. */
  open(): Slot {
    let pass: (() => void) | null = null;
    const sent = () => {
      pass?.();
      pass = null;
    };
    return {
      turn: async () => {
        sent();
        const before = this.#last;
        const { promise: passed, resolve } = Promise.withResolvers<void>();
        pass = resolve;
        // Not `passed` alone: who gives up while waiting must not let the next one overtake.
        this.#last = before.then(() => passed);
        await before;
        await this.drained();
      },
      sent,
      [Symbol.dispose]: sent,
    };
  }
}
