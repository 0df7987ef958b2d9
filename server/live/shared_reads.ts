/**
 * Shared reads: callers that ask for a scope while it is being read share the read after that one.
 *
 * A caller gets only a read that begins after its call, because the figures must hold the fold that
 * the caller was told of. Any number of callers at once cost two reads: the one under way, and the
 * one after it. The second read begins when the first ends, or after `READ_TIMEOUT_MS`.
 */
import { settlesWithin } from "../../sql/waiting.ts";

const READ_TIMEOUT_MS = 500;

export class SharedReads<Value> {
  /** The latest read of each scope, while it is under way. */
  readonly #underWay = new Map<string, Promise<Value>>();
  /** The next read of each scope, which waits for the read under way. */
  readonly #following = new Map<string, Promise<Value>>();

  constructor(readonly read: (scope: string) => Promise<Value>) {}

  /** The value of a read of `scope` that begins after this call. @throws what the read throws. */
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
