/**
 * The rate of each API key: how many orders a second its callers may place, counted in this instance.
 *
 * Each key has a token bucket that fills by itself. An order costs what it takes of a batch: one, or a
 * fifth of its lines if those are more. A cancellation costs one. A repeat costs as much as the first
 * try. A bucket may go below zero, so that an order dearer than a whole burst passes too, when the
 * bucket is full. The orders behind it wait until it is paid for.
 *
 * Where several instances run, each has a share of the rate (rate_shares.ts).
 */
import { LRUCache } from "lru-cache";
import { LEAST_WEIGHT, weightOf } from "../../actors/order_writer/mailbox/order_weight.ts";
import { type Refusal, refuse } from "../../client/contract/refusal.ts";

export interface RateOptions {
  readonly ordersPerSecond: number;
  /** Orders that a key which has rested may place at once. */
  readonly burst: number;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

/** Spends what an order with so many lines costs. @returns the refusal; null: it may go on */
export type Spend = (lineCount: number) => Refusal | null;

export interface RateLimit {
  /** Begins a call. Its orders are spent for one by one. After a refusal all others are refused. */
  begin(keyId: string): Spend;
}

/** The limit of an instance without one. */
export const NO_LIMIT: RateLimit = { begin: () => () => null };

interface Bucket {
  /** Orders. Below zero they are owed. */
  tokens: number;
  filledAt: number;
  /** The part of the rate that this instance has; null: a like part. */
  share: number | null;
  /** The costs of all orders since the latest look at the demands, refused or not. */
  asked: number;
  /** The demand of some time, in the same unit. */
  demand: number;
}

/** As many as the cache of keys holds. A key that falls out begins with a full bucket. */
const MAX_KEYS = 10_000;
/** Sums of fractions may lack so much of an order, although its time has come. */
const ROUNDING = 1e-6;
/** The part of a demand that comes from the time since the latest look. Chosen. */
const NEWEST_PART = 0.5;
/**
 * An instance has at least this part of a like share, so that a caller who changes instances gets
 * through until the shares follow. All instances together may exceed the rate by as much. Chosen.
 */
const LEAST_PART = 0.1;

export class RateBuckets implements RateLimit {
  readonly #buckets = new LRUCache<string, Bucket>({ max: MAX_KEYS });
  /** The instances among which a rate is divided where nothing better is known. */
  #instances = 1;

  constructor(readonly options: RateOptions) {}

  begin(keyId: string): Spend {
    let refused = 0;
    return (lineCount) => {
      const bucket = this.#bucketOf(keyId);
      const cost = weightOf(lineCount) / LEAST_WEIGHT;
      bucket.asked += cost;
      const needed = Math.min(cost, this.#mostOf(bucket));
      if (refused === 0 && bucket.tokens >= needed - ROUNDING) {
        bucket.tokens -= cost;
        return null;
      }
      const missing = refused + needed - bucket.tokens;
      refused += cost;
      return this.#refusal(missing / this.#perMsOf(bucket));
    };
  }

  /**
   * The demand for each key whose bucket is not full. The demands of a key in all instances can be
   * compared when all look equally often.
   */
  demands(): Map<string, number> {
    const demands = new Map<string, number>();
    for (const [keyId, bucket] of [...this.#buckets.entries()]) {
      this.#fill(bucket);
      bucket.demand += NEWEST_PART * (bucket.asked - bucket.demand);
      if (bucket.asked === 0 && bucket.tokens === this.#mostOf(bucket)) this.#buckets.delete(keyId);
      else demands.set(keyId, bucket.demand);
      bucket.asked = 0;
    }
    return demands;
  }

  /**
   * Sets the shares of this instance.
   * @param instances the instances that run now.
   * @param totals the demand of all instances for each key.
   */
  share(
    instances: number,
    demands: ReadonlyMap<string, number>,
    totals: ReadonlyMap<string, number>,
  ) {
    this.#setShares(instances, (keyId) => {
      const [own, total] = [demands.get(keyId) ?? 0, totals.get(keyId) ?? 0];
      return total > 0 ? Math.max(own / total, LEAST_PART / instances) : null;
    });
  }

  /** Divides the rates among the instances that were known last. */
  divide(): void {
    this.#setShares(this.#instances, () => null);
  }

  #setShares(instances: number, shareOf: (keyId: string) => number | null): void {
    for (const bucket of this.#buckets.values()) this.#fill(bucket); // by the shares until now
    this.#instances = instances;
    for (const [keyId, bucket] of this.#buckets.entries()) {
      bucket.share = shareOf(keyId);
      this.#fill(bucket);
    }
  }

  #bucketOf(keyId: string): Bucket {
    let bucket = this.#buckets.get(keyId);
    if (bucket === undefined) {
      const filledAt = this.options.now();
      bucket = { tokens: Infinity, filledAt, share: null, asked: 0, demand: 0 };
      this.#buckets.set(keyId, bucket);
    }
    this.#fill(bucket);
    return bucket;
  }

  #fill(bucket: Bucket): void {
    const now = this.options.now();
    const filled = bucket.tokens + (now - bucket.filledAt) * this.#perMsOf(bucket);
    bucket.tokens = Math.min(filled, this.#mostOf(bucket));
    bucket.filledAt = now;
  }

  #partOf({ share }: Bucket): number {
    return share ?? 1 / this.#instances;
  }

  #mostOf(bucket: Bucket): number {
    return this.options.burst * this.#partOf(bucket);
  }

  #perMsOf(bucket: Bucket): number {
    return this.options.ordersPerSecond * this.#partOf(bucket) / 1_000;
  }

  #refusal(retryAfterMs: number): Refusal {
    const { ordersPerSecond } = this.options;
    const message = `this key has used up its ${ordersPerSecond} orders a second: nothing was done`;
    return refuse("rate_limited", message, retryAfterMs);
  }
}
