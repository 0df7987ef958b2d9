/**
 * The outbox: orders on their way, kept in a store until Weir has them. An order that was added survives
 * a reload, a crash and hours without a network, and is stored by Weir once.
 *
 * One of those who share a store sends (several tabs, for instance); all of them see every entry. A listener gets the
 * entries as they are, oldest first. One that throws is heard of as an error that nobody caught, and changes
 * nothing here.
 *
 * Tested in tests/client/outbox/outbox_test.ts and tests/page/client/outbox_test.ts.
 */
import { WeirError } from "../api/weir_error.ts";
import { backoffMs, delay } from "../clock.ts";
import { deferred } from "../deferred.ts";
import { Listeners, tellOne } from "../listeners.ts";
import { type NewOrder, prepareOrder } from "../orders/new_order.ts";
import { isSettled, newEntry, type OutboxEntry } from "./entry.ts";
import { KeptEntries } from "./kept_entries.ts";
import type { OutboxStore } from "./outbox_store.ts";
import type { Sender } from "./sender.ts";

export interface OutboxState {
  /** Oldest first. */
  readonly entries: readonly OutboxEntry[];
  /**
   * The reason why nothing can be sent at all, such as `unauthenticated`; null: none is known here. Only the
   * one that sends knows it: of several tabs, one.
   */
  readonly blockedBy: WeirError | null;
  /**
   * The latest failure of the store; null: it has done all that it was asked for. What it could not keep is
   * shown in `entries`, and asked of it again.
   */
  readonly storeFailure: Error | null;
}

export interface OutboxOptions {
  readonly store: OutboxStore;
  /** So many committed entries are kept, the newest ones; 100 when left out. */
  readonly keepCommitted?: number;
}

const KEEP_COMMITTED = 100;

export class Outbox {
  readonly #kept: KeptEntries;
  #state: OutboxState = { entries: [], blockedBy: null, storeFailure: null };
  #blockedBy: WeirError | null = null;
  readonly #listeners = new Listeners<OutboxState>();
  readonly #closing = new AbortController();
  #sending: Promise<void> = Promise.resolve();
  #stopWatching: () => void = () => undefined;

  constructor(readonly store: OutboxStore, readonly sender: Sender, options: OutboxOptions) {
    const keepCommitted = options.keepCommitted ?? KEEP_COMMITTED;
    this.#kept = new KeptEntries(store, keepCommitted, () => this.#tell());
  }

  /** Reads the store and begins to send. @throws what the store throws */
  async start(): Promise<void> {
    await this.#kept.reload();
    this.#stopWatching = this.store.watch(() => void this.#reload());
    this.#sending = this.#send(this.#closing.signal);
  }

  /** The state of now. The same object until it changes, as `useSyncExternalStore` wants it. */
  readonly getState = (): OutboxState => this.#state;

  /** Calls `listener` with the state, at once and after each change. @returns ends that */
  readonly subscribe = (listener: (state: OutboxState) => void): () => void => {
    const takeOff = this.#listeners.add(listener);
    tellOne(listener, this.#state);
    return takeOff;
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
    const kept = await this.#kept.insert(newEntry(prepared, new Date().toISOString()));
    if (!sameJson(kept.order, prepared.order)) {
      throw new WeirError("idempotency_mismatch", "another order in the outbox has this key");
    }
    this.sender.wake();
    return kept;
  }

  /** The entry of an order; undefined: it is not here. */
  get(orderId: string): OutboxEntry | undefined {
    return this.#kept.get(orderId);
  }

  /** Resolves when the order is `committed` or `refused`. @throws Error when it is not here, or on close */
  async settled(orderId: string): Promise<OutboxEntry> {
    const { promise, resolve, reject } = deferred<OutboxEntry>();
    const closed = () => reject(new WeirError("aborted", "the outbox was closed"));
    const end = this.subscribe(() => {
      const entry = this.#kept.get(orderId);
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

  /**
   * Sends a refused order once more, such as after its key was given more rights.
   * @throws Error when it is not refused; what the store throws
   */
  async retry(orderId: string): Promise<void> {
    const entry = this.#kept.get(orderId);
    if (entry?.state !== "refused") throw new Error(`the outbox has no refused order ${orderId}`);
    const isKept = await this.#kept.keep({ ...entry, state: "waiting", failure: null });
    if (!isKept) throw new Error(`the outbox has no refused order ${orderId}`);
    this.sender.wake();
  }

  /** Takes a settled order out of the outbox. @throws Error for one that is on its way */
  async forget(orderId: string): Promise<void> {
    const entry = this.#kept.get(orderId);
    if (entry === undefined) return;
    if (!isSettled(entry)) throw new Error(`the order ${orderId} is on its way`);
    await this.#kept.remove([orderId]);
  }

  /** Stops sending. What is not settled stays in the store. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.sender.wake();
    this.#stopWatching();
    await this.#sending;
    this.#listeners.clear();
    await this.store.close();
  }

  /** Sends while it is this one's turn. A store that cannot tell whose turn it is is asked again. */
  async #send(signal: AbortSignal): Promise<void> {
    const sendable = { kept: this.#kept, blocked: (error: WeirError | null) => this.#block(error) };
    const { clock } = this.sender.parts;
    for (let tries = 1; !signal.aborted; tries++) {
      try {
        return await this.store.asSender(() => this.sender.run(sendable, signal), signal);
      } catch (error) {
        this.#kept.failed(error);
        await delay(clock, backoffMs(clock, tries), signal).catch(() => undefined);
      }
    }
  }

  async #reload(): Promise<void> {
    await this.#kept.reload().catch(() => undefined); // its failure is in the state
    this.sender.wake();
  }

  #block(error: WeirError | null): void {
    if (error === this.#blockedBy) return;
    this.#blockedBy = error;
    this.#tell();
  }

  #tell(): void {
    this.#state = {
      entries: [...this.#kept.values()],
      blockedBy: this.#blockedBy,
      storeFailure: this.#kept.failure,
    };
    this.#listeners.tell(this.#state);
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
