/**
 * The pace of large answers: how many are made at once, and how soon the next one follows.
 *
 * Reading, checking and writing an answer takes the process, and no order moves meanwhile. So after
 * each answer the next one waits for as long as its bytes allow. Keys take turns. A small answer
 * costs next to nothing, and passes at once while nobody waits.
 */

export interface PaceBounds {
  /** The most bytes of answers that are made at once. */
  readonly underWayBytes: number;
  readonly bytesPerSecond: number;
  /** The time that may be owed before answers wait. */
  readonly burstMs: number;
  readonly waitTimeoutMs: number;
}

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

export class AnswerPace {
  #underWayBytes = 0;
  /** When the bytes so far are paid for. */
  #paidAt = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** The calls that wait, by key. The key whose turn is next comes first. */
  readonly #waiting = new Map<string, Set<Waiting>>();

  /** @param now monotonic, milliseconds. */
  constructor(readonly bounds: PaceBounds, readonly now: () => number) {}

  /** Waits for a turn. @returns false when none came in time */
  async begin(keyId: string, bytes: number): Promise<boolean> {
    if (this.#waiting.size === 0 && this.#mayBegin(bytes)) {
      this.#underWayBytes += bytes;
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const one: Waiting = { bytes, enter: () => resolve(true) };
    const ofKey = this.#waiting.get(keyId) ?? new Set();
    this.#waiting.set(keyId, ofKey.add(one));
    const timer = setTimeout(() => {
      this.#leave(keyId, one);
      resolve(false);
    }, this.bounds.waitTimeoutMs);
    this.#letIn();
    const isIn = await promise;
    clearTimeout(timer);
    return isIn;
  }

  /** @param bytes those of `begin` @param made the bytes that the answer has */
  end(bytes: number, made: number): void {
    this.#underWayBytes -= bytes;
    const ms = 1_000 * made / this.bounds.bytesPerSecond;
    this.#paidAt = Math.max(this.#paidAt, this.now()) + ms;
    this.#letIn();
  }

  #mayBegin(bytes: number): boolean {
    const { underWayBytes, burstMs } = this.bounds;
    const fits = this.#underWayBytes === 0 || this.#underWayBytes + bytes <= underWayBytes;
    return fits && this.#paidAt - this.now() <= burstMs;
  }

  #letIn(): void {
    for (const [keyId, ofKey] of this.#waiting) {
      const [first] = ofKey;
      if (first === undefined || !this.#mayBegin(first.bytes)) break;
      this.#leave(keyId, first);
      if (ofKey.size > 0) { // the other keys come first now
        this.#waiting.delete(keyId);
        this.#waiting.set(keyId, ofKey);
      }
      this.#underWayBytes += first.bytes;
      first.enter();
    }
    this.#lookAgain();
  }

  #leave(keyId: string, one: Waiting): void {
    const ofKey = this.#waiting.get(keyId);
    ofKey?.delete(one);
    if (ofKey?.size === 0) this.#waiting.delete(keyId);
  }

  /** Lets the next one in when what was made is paid for. */
  #lookAgain(): void {
    const owedMs = this.#paidAt - this.now() - this.bounds.burstMs;
    if (this.#waiting.size === 0 || this.#timer !== null || owedMs <= 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#letIn();
    }, Math.ceil(owedMs));
  }
}
