/**
 * The listeners of a state. One that throws keeps the state from nobody: its mistake becomes an error that
 * nobody caught, so the program hears of it, and whoever tells the state does not.
 *
 * Tested in tests/client/live/live_test.ts and tests/client/outbox/outbox_test.ts.
 */
export class Listeners<State> {
  readonly #all = new Set<(state: State) => void>();

  get size(): number {
    return this.#all.size;
  }

  /** Adds a listener, also one that is there already. @returns takes it off */
  add(listener: (state: State) => void): () => void {
    const own = (state: State) => listener(state);
    this.#all.add(own);
    return () => this.#all.delete(own);
  }

  /** Calls every listener. */
  tell(state: State): void {
    for (const listener of [...this.#all]) tellOne(listener, state);
  }

  clear(): void {
    this.#all.clear();
  }
}

/** Calls one listener. */
export function tellOne<State>(listener: (state: State) => void, state: State): void {
  try {
    listener(state);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
