/**
 * The links of one instance to Redis: which of its connections are lost, and why.
 *
 * Tested in tests/server/ops/problems_test.ts.
 */
import type { Redis } from "ioredis";
import { describe } from "../telemetry/log.ts";

export class RedisLinks {
  /** The reason of each lost connection, by its name. Empty for one that was never made. */
  readonly #lost = new Map<string, string>();

  /** Follows a connection until it ends. */
  add(name: string, redis: Redis): void {
    this.#lost.set(name, "");
    let ofSentinels = "";
    redis.on("sentinelError", (error) => ofSentinels = ` (${describe(error)})`);
    redis.on("error", (error) => this.#lost.set(name, describe(error) + ofSentinels));
    redis.on("close", () => {
      if (!this.#lost.has(name)) this.#lost.set(name, "the connection was closed");
    });
    redis.on("ready", () => {
      ofSentinels = "";
      this.#lost.delete(name);
    });
    redis.on("end", () => this.#lost.delete(name)); // this instance has ended it
  }

  /** Each reason once, with the connections that it took. */
  get lost(): readonly string[] {
    const byReason = Map.groupBy(this.#lost, ([, reason]) => reason || "it does not answer");
    return [...byReason].map(([reason, entries]) =>
      `${reason} (${entries.map(([name]) => name).join(", ")})`
    );
  }
}
