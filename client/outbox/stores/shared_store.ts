/**
 * The parts of a store that several tabs share: the lock of the one that sends, and the word to the
 * others that something has changed.
 *
 * Without the Web Locks of a secure page every tab sends. That costs repeats: Weir stores an order once,
 * however often it comes, and the slower tab takes back nothing that the store knows (`mayReplace`).
 *
 * Tested in tests/client/outbox/stores_test.ts and tests/page/client/outbox_test.ts.
 */

/** The part of `navigator.locks` that is used. */
export interface Locks {
  request(
    name: string,
    options: { signal: AbortSignal },
    work: () => Promise<void>,
  ): Promise<unknown>;
}

export class SharedStore {
  readonly #listeners = new Set<() => void>();
  readonly #channel: BroadcastChannel | null;

  /** @param name the same for all who share the store. */
  constructor(readonly name: string, readonly locks: Locks | null = locksOfRuntime()) {
    this.#channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(name) : null;
    if (this.#channel !== null) this.#channel.onmessage = () => this.#tell();
  }

  async asSender(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    if (this.locks === null) return await work();
    try {
      await this.locks.request(this.name, { signal }, work);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Says that this one has changed the store. A change that was made is not undone by silence. */
  changed(): void {
    try {
      this.#channel?.postMessage(null);
    } catch {
      // The others look at the store when they come to send.
    }
  }

  close(): void {
    this.#listeners.clear();
    this.#channel?.close();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function locksOfRuntime(): Locks | null {
  const { navigator } = globalThis as { navigator?: { locks?: Locks } };
  return navigator?.locks ?? null;
}
