/**
 * The earlier place of the overflow: keys that begin with a brace, as versions before this one wrote
 * them. It is only read and drained. two_places.ts says why.
 *
 * Tested in tests/server/overflow/two_places_test.ts.
 */
import type { Redis } from "ioredis";
import { every, type Repeating } from "../every.ts";
import { DrainQueue } from "./drain_queue.ts";
import { earlierKeys } from "./scripts.ts";
import type { OverflowLevel } from "./redis_overflow.ts";

const LOOK_EVERY_MS = 2_000;
const EMPTY: OverflowLevel = { orders: 0, oldestAgeMs: null };

export class EarlierPlace {
  readonly queue: DrainQueue;
  #level = EMPTY;
  #setAside = 0;
  #looking: Repeating | undefined;

  /** @param isPossible false: no earlier version can have put an order there */
  constructor(readonly redis: Redis, prefix: string, readonly isPossible = true) {
    this.queue = new DrainQueue(redis, earlierKeys(prefix));
  }

  /** The orders here at the latest look that Redis answered. */
  get level(): OverflowLevel {
    return this.#level;
  }

  get setAside(): number {
    return this.#setAside;
  }

  start(): void {
    if (!this.isPossible) return;
    const looking = every(LOOK_EVERY_MS, () => this.#look());
    this.#looking = looking;
    this.redis.on("ready", looking.now);
    if (this.redis.status === "ready") looking.now();
  }

  async stop(): Promise<void> {
    if (this.#looking === undefined) return;
    this.redis.off("ready", this.#looking.now);
    await this.#looking.stop();
  }

  /** A user who may not read these keys has never put an order here, and the level stays zero. */
  async #look(): Promise<void> {
    if (this.redis.status !== "ready") return;
    const orders = await this.redis.xlen(this.queue.keys.stream);
    if (orders === 0) {
      this.#level = EMPTY;
      this.#setAside = 0;
      return;
    }
    this.#level = { orders, oldestAgeMs: this.#level.oldestAgeMs };
    this.#setAside = await this.queue.countAside();
    this.#level = { orders, oldestAgeMs: await this.queue.oldestAgeMs() };
  }
}
