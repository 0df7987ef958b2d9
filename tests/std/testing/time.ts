/**
 * `@std/testing/time` for places where JSR cannot be reached: the part of `FakeTime` that the tests
 * use, over `@sinonjs/fake-timers`.
 *
 * The import map of deno.json points here. Pointing it at `jsr:@std/testing/time` needs no other
 * change, so nothing here does more than std. `tickAsync` lets pending promises run once and then
 * ticks. It does not run them between two timers.
 *
 * While a FakeTime lives, `Date`, `setTimeout`, `setInterval` and their clear functions are fake.
 * `performance`, microtasks and `AbortSignal.timeout` stay real.
 */

import { type Clock, install } from "@sinonjs/fake-timers";

let current: FakeTime | undefined;

/** A clock that moves only when told to. `using time = new FakeTime()` restores the real one. */
export class FakeTime {
  readonly start: number;
  readonly #clock: Clock;
  readonly #realSetTimeout = globalThis.setTimeout;

  /** @param start the first `Date.now()`; default: the real time */
  constructor(start?: number | string | Date | null) {
    if (current !== undefined) throw new Error("Cannot construct FakeTime: time is already faked");
    this.start = start === undefined || start === null ? Date.now() : new Date(start).getTime();
    if (Number.isNaN(this.start)) {
      throw new TypeError(`FakeTime wants a number, a date or its text as start, got ${start}`);
    }
    this.#clock = install({
      now: this.start,
      toFake: ["Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval"],
    });
    current = this;
  }

  /** Milliseconds since 1970. Setting it runs the timers due up to it. It cannot go back. */
  get now(): number {
    return this.#clock.now;
  }
  set now(value: number) {
    if (value < this.now) throw new RangeError(`Time cannot go back: ${this.now} to ${value}`);
    this.#clock.tick(value - this.now);
  }

  /** Moves the time by `ms` and runs the timers that fall due, in their order. */
  tick(ms = 0): void {
    this.now += ms;
  }

  /** Lets pending promises run, then ticks. */
  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.tick(ms);
  }

  /** Moves to the next timer and runs it. @returns false when there is none; the time stays then */
  next(): boolean {
    if (this.#clock.countTimers() === 0) return false;
    this.#clock.next();
    return true;
  }

  /** Lets pending promises run, then moves to the next timer. */
  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  /** Lets pending promises run, by one turn of the real event loop. */
  runMicrotasks(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#realSetTimeout.call(globalThis, resolve, 0);
    return promise;
  }

  /** Gives the real time back. */
  restore(): void {
    if (current !== this) throw new Error("Cannot restore FakeTime: time is already restored");
    current = undefined;
    this.#clock.uninstall();
  }

  [Symbol.dispose](): void {
    if (current === this) this.restore();
  }
}
