/**
 * Slots: the places of the streams on one connection. The streams send one frame at a time, and the
 * next frame only when the client has read everything that was sent before.
 *
 * So a client that does not read costs one frame, however many streams share its connection. The
 * streams share one budget, because a hundred budgets would cost a hundred times as much. No stream
 * starves: turns are given in the order in which they were asked for.
 */

import type { Slot } from "../router/context.ts";

export class Slots {
  /** Resolves when every stream that has asked so far has had its turn. */
  #last: Promise<void> = Promise.resolve();

  /** @param drained resolves when the client has read everything, or the connection is gone. */
  constructor(readonly drained: () => Promise<void>) {}

  /** Makes a slot for one more stream; once disposed of, it holds up no other. */
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
        // Not `passed` alone: a stream that gives up while waiting must not let the next overtake.
        this.#last = before.then(() => passed);
        await before;
        await this.drained();
      },
      sent,
      [Symbol.dispose]: sent,
    };
  }
}
