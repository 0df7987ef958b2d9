/** A figure that is read now and then, for places that cannot wait for it. */

export class Polled<T> {
  #value: T;
  readonly #timer: ReturnType<typeof setInterval>;
  #reading: Promise<void> | null = null;

  /** Reads at once and then every `everyMs`; a read that fails leaves the value as it is. */
  constructor(readonly read: () => Promise<T>, initial: T, everyMs: number) {
    this.#value = initial;
    this.#timer = setInterval(() => this.refresh(), everyMs);
    this.refresh();
  }

  get value(): T {
    return this.#value;
  }

  /** Reads again, unless a read is under way. */
  refresh(): void {
    this.#reading ??= this.read()
      .then((value) => void (this.#value = value), () => undefined)
      .finally(() => this.#reading = null);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#reading;
  }
}
