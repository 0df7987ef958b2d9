/**
 * The outbox: orders on their way, kept in a store until Weir has them. An order that was added survives
 * a reload, a crash and hours without a network, and is stored by Weir once.
 *
 * One of those who share a store sends (several tabs, for instance); all of them see every entry. A listener gets the
 * entries as they are, oldest first.
 *
 * Tested in tests/client/outbox/outbox_test.ts and tests/page/client/outbox_test.ts.
 */
import { WeirError } from "../api/weir_error.ts";
import { deferred } from "../deferred.ts";
import { type NewOrder, prepareOrder } from "../orders/new_order.ts";
import { isSettled, newEntry, type OutboxEntry } from "./entry.ts";
import type { OutboxStore } from "./outbox_store.ts";
import type { Sender } from "./sender.ts";

export interface OutboxState {
  /** Oldest first. */
  readonly entries: readonly OutboxEntry[];
  /** The reason why nothing can be sent at all, such as `unauthenticated`; null: nothing stands in the way. */
  readonly blockedBy: WeirError | null;
}

export interface OutboxOptions {
  readonly store: OutboxStore;
  /** So many committed entries are kept, the newest ones; 100 when left out. */
  readonly keepCommitted?: number;
}

const KEEP_COMMITTED = 100;

export class Outbox {
  #entries: ReadonlyMap<string, OutboxEntry> = new Map();
  #state: OutboxState = { entries: [], blockedBy: null };
  #blockedBy: WeirError | null = null;
  /** Counts the changes that were made here. */
  #changes = 0;
  readonly #listeners = new Set<(state: OutboxState) => void>();
  readonly #closing = new AbortController();
  readonly #keepCommitted: number;
  #sending: Promise<void> = Promise.resolve();
  #stopWatching: () => void = () => undefined;

  constructor(readonly store: OutboxStore, readonly sender: Sender, options: OutboxOptions) {
    this.#keepCommitted = options.keepCommitted ?? KEEP_COMMITTED;
  }

  /** Reads the store and begins to send. @throws what the store throws */
  async start(): Promise<void> {
    await this.#reload();
    this.#stopWatching = this.store.watch(() => void this.#reload().catch(() => undefined));
    const { signal } = this.#closing;
    this.#sending = this.store.asSender(() => this.#send(signal), signal);
    this.#sending.catch(() => undefined); // close() tells
  }

  /** The state of now. The same object until it changes, as `useSyncExternalStore` wants it. */
  readonly getState = (): OutboxState => this.#state;

  /** Calls `listener` with the state, at once and after each change. @returns ends that */
  readonly subscribe = (listener: (state: OutboxState) => void): () => void => {
    const own = (state: OutboxState) => listener(state);
    this.#listeners.add(own);
    own(this.#state);
    return () => this.#listeners.delete(own);
  };

  /**
   * Keeps an order, and sends it as soon as that is possible. It resolves when the order is safe in the store.
   * The same order under the same key is one entry.
   * @throws WeirError `idempotency_mismatch` when another order here has the key; what the store throws
   * when it is full, and then nothing is kept or sent
   */
  async add(newOrder: NewOrder): Promise<OutboxEntry> {
    this.#closing.signal.throwIfAborted();
    const prepared = prepareOrder(newOrder);
    const kept = await this.store.insert(newEntry(prepared, new Date().toISOString()));
    if (!sameJson(kept.order, prepared.order)) {
      throw new WeirError("idempotency_mismatch", "another order in the outbox has this key");
    }
    if (!this.#entries.has(kept.orderId)) this.#show(kept);
    this.sender.wake();
    return this.#entries.get(kept.orderId) ?? kept;
  }

  /** The entry of an order; undefined: it is not here. */
  get(orderId: string): OutboxEntry | undefined {
    return this.#entries.get(orderId);
  }

  /** Resolves when the order is `committed` or `refused`. @throws Error when it is not here, or on close */
  async settled(orderId: string): Promise<OutboxEntry> {
    const { promise, resolve, reject } = deferred<OutboxEntry>();
    const closed = () => reject(new WeirError("aborted", "the outbox was closed"));
    const end = this.subscribe(() => {
      const entry = this.#entries.get(orderId);
      if (entry === undefined) reject(new Error(`the outbox has no order ${orderId}`));
      else if (isSettled(entry)) resolve(entry);
    });
    const { signal } = this.#closing;
    signal.addEventListener("abort", closed);
    if (signal.aborted) closed();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", closed);
      end();
    }
  }

  /** Sends a refused order once more, such as after its key was given more rights. */
  async retry(orderId: string): Promise<void> {
    const entry = this.#entries.get(orderId);
    if (entry?.state !== "refused") throw new Error(`the outbox has no refused order ${orderId}`);
    await this.#keep({ ...entry, state: "waiting", failure: null });
    this.sender.wake();
  }

  /** Takes a settled order out of the outbox. @throws Error for one that is on its way */
  async forget(orderId: string): Promise<void> {
    const entry = this.#entries.get(orderId);
    if (entry === undefined) return;
    if (!isSettled(entry)) throw new Error(`the order ${orderId} is on its way`);
    await this.store.remove([orderId]);
    this.#forget([orderId]);
  }

  /** Stops sending. What is not settled stays in the store. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.sender.wake();
    this.#stopWatching();
    await this.#sending.catch(() => undefined);
    this.#listeners.clear();
    await this.store.close();
  }

  async #send(signal: AbortSignal): Promise<void> {
    await this.sender.run({
      entries: () => this.#entries.values(),
      reload: () => this.#reload(),
      keep: (entry) => this.#keep(entry),
      blocked: (error) => {
        if (error === this.#blockedBy) return;
        this.#blockedBy = error;
        this.#tell();
      },
    }, signal);
  }

  async #keep(entry: OutboxEntry): Promise<void> {
    await this.store.put(entry);
    this.#show(entry);
    if (entry.state === "committed") await this.#tidy();
  }

  async #tidy(): Promise<void> {
    const committed = [...this.#entries.values()].filter(({ state }) => state === "committed");
    if (committed.length <= this.#keepCommitted) return;
    const old = committed.slice(0, committed.length - this.#keepCommitted);
    const orderIds = old.map(({ orderId }) => orderId);
    await this.store.remove(orderIds);
    this.#forget(orderIds);
  }

  async #reload(): Promise<void> {
    let entries: readonly OutboxEntry[];
    let changes: number;
    do { // a read during which something changed here may be older than the change
      changes = this.#changes;
      entries = await this.store.load();
    } while (changes !== this.#changes);
    this.#entries = new Map(entries.map((entry) => [entry.orderId, entry]));
    this.#tell();
    this.sender.wake();
  }

  #show(entry: OutboxEntry): void {
    this.#changes++;
    this.#entries = new Map(this.#entries).set(entry.orderId, entry);
    this.#tell();
  }

  #forget(orderIds: readonly string[]): void {
    this.#changes++;
    const left = new Map(this.#entries);
    for (const id of orderIds) left.delete(id);
    this.#entries = left;
    this.#tell();
  }

  #tell(): void {
    this.#state = { entries: [...this.#entries.values()], blockedBy: this.#blockedBy };
    for (const listener of [...this.#listeners]) listener(this.#state);
  }
}

/** True for two orders that are sent as the same text, whatever the order of their fields. */
function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a, sortedFields) === JSON.stringify(b, sortedFields);
}

function sortedFields(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
}
