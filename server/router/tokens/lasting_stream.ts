/**
 * A stream that lasts as long as its caller's token. It gives back what it holds when it ends by itself,
 * when it fails, and when it is given up, also by a reader that has never begun: a generator that was
 * not begun would give back nothing.
 *
 * Tested in tests/server/router/tokens/lasting_stream_test.ts.
 */
import { Refused } from "../../../client/contract/refused.ts";
import { refusedCall } from "../errors.ts";
import { type Lifetime, TOKEN_EXPIRED } from "./lifetime.ts";

export class LastingStream<T> implements AsyncIterableIterator<T> {
  readonly #values: AsyncIterator<T>;

  /** @param end gives back what the stream holds; it may be called more than once. */
  constructor(
    values: AsyncIterable<T>,
    readonly life: Pick<Lifetime, "isOver">,
    readonly end: () => void,
  ) {
    this.#values = values[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws TRPCError the refusal that ended the stream, or that of a token after its end */
  async next(): Promise<IteratorResult<T>> {
    try {
      const result = await this.#values.next();
      if (result.done !== true) return result;
      if (this.life.isOver) throw new Refused(TOKEN_EXPIRED);
      this.end();
      return result;
    } catch (error) {
      this.end();
      throw error instanceof Refused ? refusedCall(error) : error;
    }
  }

  async return(): Promise<IteratorResult<T>> {
    this.end();
    await this.#values.return?.();
    return { done: true, value: undefined };
  }
}
