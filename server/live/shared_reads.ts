/**
 * Reads that callers share: whoever asks for a scope while it is being read gets the read after
 * that one, the same for all.
 *
 * No caller gets a read that began before it asked: who was told of a fold has to find it in the
 * figures. So however many ask at once, they cost two reads; and sharing costs a caller the rest of
 * the read under way, or `READ_TIMEOUT_MS` when that does not end.
 */
import { settlesWithin } from "../../sql/waiting.ts";

const READ_TIMEOUT_MS = 500;

export class SharedReads<Value> {
  /** The read that began last, for as long as it is under way, by scope. */
  readonly #underWay = new Map<string, Promise<Value>>();
  /** The one that begins after it. */
  readonly #following = new Map<string, Promise<Value>>();

  constructor(readonly read: (scope: string) => Promise<Value>) {}

  /** What a read of `scope` finds that begins after this call. @throws what the read throws. */
  next(scope: string): Promise<Value> {
    const underWay = this.#underWay.get(scope);
    if (underWay === undefined) return this.#begin(scope);
    const following = this.#following.get(scope) ?? this.#beginAfter(underWay, scope);
    this.#following.set(scope, following);
    return following;
  }

  async #beginAfter(underWay: Promise<Value>, scope: string): Promise<Value> {
    await settlesWithin(READ_TIMEOUT_MS, underWay);
    this.#following.delete(scope);
    return await this.#begin(scope);
  }

  #begin(scope: string): Promise<Value> {
    const reading = this.read(scope);
    this.#underWay.set(scope, reading);
    const forget = () => {
      if (this.#underWay.get(scope) === reading) this.#underWay.delete(scope);
    };
    reading.then(forget, forget);
    return reading;
  }
}
