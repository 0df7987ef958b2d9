/**
 * The journal's backlog, as one instance knows it: read every second, and asked at the door for each
 * order.
 *
 * Past the bound the door sheds the orders of the stores that make the backlog: a store whose own
 * rows have at least the average of such stores. It sheds those of all stores only when the rows that
 * they share are past the bound by themselves. Lines that are on their way into the database count
 * too, since the journal is read only now and then.
 *
 * It sheds only while folds go on. When folds fail, the figures stand still, and an order is worth
 * more than a figure.
 */
import { type Refusal, refuse } from "../../client/contract/refusal.ts";
import type { Pool } from "../../sql/connection/database.ts";
import { type Backlog, readBacklog } from "../../sql/figures/backlog.ts";
import { isMissingColumn, isMissingTable } from "../../sql/connection/failure.ts";
import { every } from "../every.ts";
import type { Hints } from "../telemetry/hints.ts";

const READ_EVERY_MS = 1_000;
/** Folds of a long journal end several times a second. */
const FOLDS_GO_ON_MS = 10_000;
/** Folds take a few thousand entries in this time. */
const RETRY_AFTER_MS = 2_000;

export interface BacklogOptions {
  readonly read: () => Promise<Backlog | null>;
  readonly mostEntries: number;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

const NONE: Backlog = { entries: 0, ofStores: new Map(), version: 0 };

export class JournalBacklog {
  #latest = NONE;
  #foldedAt = -Infinity;
  #hasRead = false;
  #refusedOrders = 0;
  /** Lines of orders that are on their way into the database. */
  #linesUnderWay = 0;
  readonly #reading = every(READ_EVERY_MS, () => this.look());

  constructor(readonly options: BacklogOptions) {}

  /** The findings for operators. */
  get signs() {
    const { entries, ofStores } = this.#latest;
    const [largest] = [...ofStores].toSorted(([, a], [, b]) => b - a);
    return { entries, largestStore: largest?.[0] ?? null, refusedOrders: this.#refusedOrders };
  }

  /** True while the overflow must not add to the journal. */
  get isFull(): boolean {
    return this.#latest.entries > this.options.mostEntries && this.#foldsGoOn;
  }

  /** The refusal of an order of this store; null: it may be stored. */
  refusalOf(storeId: string): Refusal | null {
    const { mostEntries } = this.options;
    const { entries, ofStores } = this.#latest;
    // Lines under way make a long journal longer. Alone they may also wait for a database that hangs.
    const coming = entries > mostEntries / 2 ? this.#linesUnderWay : 0;
    if (entries + coming <= mostEntries || !this.#foldsGoOn) return null;
    const own = ofStores.get(storeId) ?? 0;
    const ofAll = [...ofStores.values()].reduce((sum, one) => sum + one, 0);
    const isCause = own > 0 && own * ofStores.size >= ofAll;
    if (!isCause && entries - ofAll <= mostEntries) return null;
    this.#refusedOrders++;
    return refuse(
      "queue_full",
      "the dashboards are too far behind the orders: nothing was stored",
      RETRY_AFTER_MS,
    );
  }

  /** Counts an order that is on its way, until the function that it returns is called. */
  count(lines: number): () => void {
    this.#linesUnderWay += lines;
    return () => void (this.#linesUnderWay -= lines);
  }

  /** Reads the journal. */
  async look(): Promise<void> {
    const { read, now } = this.options;
    const backlog = await read();
    if (backlog === null) return;
    if (this.#hasRead && backlog.version !== this.#latest.version) this.#foldedAt = now();
    this.#latest = backlog;
    this.#hasRead = true;
  }

  stop(): Promise<void> {
    return this.#reading.stop();
  }

  get #foldsGoOn(): boolean {
    return this.options.now() - this.#foldedAt < FOLDS_GO_ON_MS;
  }
}

/** Starts reading the journal of `pool`'s database. A read that fails leaves what was known. */
export function startJournalBacklog(
  pool: Pool,
  mostEntries: number,
  now: () => number,
  hints: Hints,
): JournalBacklog {
  const read = async () => {
    try {
      return await readBacklog(pool);
    } catch (error) {
      // The migrations have not run yet.
      if (isMissingTable(error) || isMissingColumn(error)) return null;
      throw error;
    }
  };
  return new JournalBacklog({
    read: () => hints.run("journal backlog", read),
    mostEntries,
    now,
  });
}
