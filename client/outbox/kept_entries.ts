/**
 * The entries of an outbox: those of its store, and beside them the forms that the store could not keep
 * yet. Whatever the store fails to do is told, and is done again by `catchUp`.
 *
 * Tested in tests/client/outbox/kept_entries_test.ts and outbox_test.ts.
 */
import { mayReplace, type OutboxEntry } from "./entry.ts";
import type { OutboxStore } from "./outbox_store.ts";

export class KeptEntries {
  #entries: ReadonlyMap<string, OutboxEntry> = new Map();
  /** The forms that the store has still to keep. */
  readonly #owed = new Map<string, OutboxEntry>();
  /** The changes since the latest read began; null: the entry is gone. */
  #changed = new Map<string, OutboxEntry | null>();
  /** True when a read has failed. */
  #isStale = false;
  #failure: Error | null = null;
  #lastRead: Promise<unknown> = Promise.resolve();
  #nextRead: Promise<void> | null = null;

  /**
   * @param keepCommitted so many committed entries are kept.
   * @param onChange is called after each change of the entries or the failure.
   */
  constructor(
    readonly store: OutboxStore,
    readonly keepCommitted: number,
    readonly onChange: () => void,
  ) {}

  /** The store's latest failure; null: it has done since all that it was asked for. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** True when the store has something to do again. */
  get isBehind(): boolean {
    return this.#isStale || this.#owed.size > 0;
  }

  values(): Iterable<OutboxEntry> {
    return this.#entries.values();
  }

  get(orderId: string): OutboxEntry | undefined {
    return this.#entries.get(orderId);
  }

  /** Reads the store. All who ask during a read share the next one. @throws what the store throws */
  reload(): Promise<void> {
    return this.#nextRead ??= this.#lastRead.then(() => {
      this.#nextRead = null;
      const read = this.#read();
      this.#lastRead = read.catch(() => undefined);
      return read;
    });
  }

  /** Adds an entry, unless its order is there. @returns the entry of the order @throws what the store throws */
  async insert(entry: OutboxEntry): Promise<OutboxEntry> {
    const kept = await this.store.insert(entry);
    const shown = this.#entries.get(kept.orderId);
    if (shown !== undefined) return shown;
    this.#show(kept);
    return kept;
  }

  /**
   * Keeps a new form of an entry.
   * @returns false when the form that somebody else gave it stays, or it is gone
   * @throws what the store throws
   */
  async keep(entry: OutboxEntry): Promise<boolean> {
    const { orderId } = entry;
    let isKept = false;
    const choose = (known: OutboxEntry) => {
      isKept = mayReplace(known, entry);
      return isKept ? entry : known;
    };
    const kept = await this.#told(() => this.store.update(orderId, choose));
    this.#owed.delete(orderId);
    if (kept === undefined) this.#drop([orderId]);
    else this.#show(kept);
    this.#worked();
    if (isKept && entry.state === "committed") await this.#tidy();
    return isKept;
  }

  /** Shows a form of an entry that the store is to keep later. */
  keepLater(entry: OutboxEntry): void {
    this.#owed.set(entry.orderId, entry);
    this.#show(entry);
  }

  /** @throws what the store throws */
  async remove(orderIds: readonly string[]): Promise<void> {
    await this.store.remove(orderIds);
    orderIds.forEach((id) => this.#owed.delete(id));
    this.#drop(orderIds);
  }

  /** Does what the store could not do before. @throws what the store throws */
  async catchUp(): Promise<void> {
    for (const [orderId, entry] of [...this.#owed]) {
      if (this.#owed.get(orderId) === entry) await this.keep(entry);
    }
    if (this.#isStale) await this.reload();
  }

  /** Tells a failure of the store. */
  failed(error: unknown): void {
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.onChange();
  }

  async #read(): Promise<void> {
    this.#changed = new Map();
    const loaded = await this.#told(() => this.store.load()).catch((error) => {
      this.#isStale = true;
      throw error;
    });
    this.#isStale = false;
    const entries = new Map(loaded.map((entry) => [entry.orderId, entry]));
    // The read may be older than a change that was made here meanwhile.
    for (const [orderId, entry] of this.#changed) {
      const known = entries.get(orderId);
      if (entry === null) entries.delete(orderId);
      else if (known === undefined || mayReplace(known, entry)) entries.set(orderId, entry);
    }
    for (const [orderId, entry] of this.#owed) {
      const known = entries.get(orderId);
      if (known !== undefined && mayReplace(known, entry)) entries.set(orderId, entry);
      else this.#owed.delete(orderId);
    }
    this.#entries = entries;
    if (!this.isBehind) this.#failure = null;
    this.onChange();
  }

  /** Takes out the oldest committed entries. One that could not be taken out goes another time. */
  async #tidy(): Promise<void> {
    const committed = [...this.#entries.values()].filter(({ state }) => state === "committed");
    const old = committed.slice(0, Math.max(0, committed.length - this.keepCommitted));
    if (old.length === 0) return;
    await this.remove(old.map(({ orderId }) => orderId)).catch((error) => this.failed(error));
  }

  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  #worked(): void {
    if (this.#failure === null || this.isBehind) return;
    this.#failure = null;
    this.onChange();
  }

  #show(entry: OutboxEntry): void {
    this.#changed.set(entry.orderId, entry);
    this.#entries = new Map(this.#entries).set(entry.orderId, entry);
    this.onChange();
  }

  #drop(orderIds: readonly string[]): void {
    const left = new Map(this.#entries);
    for (const id of orderIds) {
      this.#changed.set(id, null);
      left.delete(id);
    }
    this.#entries = left;
    this.onChange();
  }
}
