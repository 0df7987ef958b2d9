/**
 * The turns of the answers of one request or connection.
 *
 * Tested in tests/server/front/answers/answer_budget_test.ts.
 */
import { MAX_PAGE_BYTES } from "../../../sql/orders/page.ts";

/** The calls of one request or connection that may wait for their turn. */
const MAX_WAITING = 1_000;

/** Lets answers begin, in their order, while those under way have at most a page together. */
export class Turns {
  #underWayBytes = 0;
  readonly #waiting = new Set<{ readonly bytes: number; readonly tell: (isIn: boolean) => void }>();

  /** @param timeoutMs the longest wait for a turn; null: the connection's end is the only one */
  constructor(readonly timeoutMs: number | null) {}

  /** @returns false when no turn came in time, or too many wait */
  async begin(bytes: number): Promise<boolean> {
    if (this.#waiting.size === 0 && this.#fits(bytes)) {
      this.#underWayBytes += bytes;
      return true;
    }
    if (this.#waiting.size >= MAX_WAITING) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const one = { bytes, tell: resolve };
    this.#waiting.add(one);
    const { timeoutMs } = this;
    const timer = timeoutMs === null ? undefined : setTimeout(() => {
      if (this.#waiting.delete(one)) resolve(false);
    }, timeoutMs);
    const isIn = await promise;
    clearTimeout(timer);
    return isIn;
  }

  end(bytes: number): void {
    this.#underWayBytes -= bytes;
    for (const one of this.#waiting) {
      if (!this.#fits(one.bytes)) return;
      this.#waiting.delete(one);
      this.#underWayBytes += one.bytes;
      one.tell(true);
    }
  }

  /** Ends every wait. */
  clear(): void {
    for (const { tell } of this.#waiting) tell(false);
    this.#waiting.clear();
  }

  #fits(bytes: number): boolean {
    return this.#underWayBytes === 0 || this.#underWayBytes + bytes <= MAX_PAGE_BYTES;
  }
}
