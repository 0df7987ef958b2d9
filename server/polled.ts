/** A figure that is read now and then, for places that cannot wait for it. */

export class Polled<T> {
  #value: T;
  readonly #timer: ReturnType<typeof setInterval>;
  #reading: Promise<void> = Promise.resolve();

  /** Reads at once and then every `everyMs`; a read that fails leaves the value as it is. */
  constructor(readonly read: () => Promise<T>, initial: T, everyMs: number) {
    this.#value = initial;
    this.#timer = setInterval(() => this.refresh(), everyMs);
    this.refresh();
  }

  get value(): T {
    return this.#value;
  }

  /** Reads again, soon. */
  refresh(): void {
    this.#reading = this.#reading.then(async () => {
      this.#value = await this.read().catch(() => this.#value);
    });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#reading;
  }
}
