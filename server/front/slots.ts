/**
 * Slots: every stream on a connection has one. The streams of a connection send one frame at a
 * time. The next frame is sent only when the client has read what was sent before.
 *
 * So a client that does not read costs one frame, however many streams share its connection. If
 * each stream could send by itself, a hundred streams would cost a hundred frames. The slots keep
 * the waiting order, so no stream starves.
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
        // The next stream waits for `before` too. A stream that gives up while it waits passes its
        // turn at once, and the next stream must not overtake those ahead.
        this.#last = before.then(() => passed);
        await before;
        await this.drained();
      },
      sent,
      [Symbol.dispose]: sent,
    };
  }
}
