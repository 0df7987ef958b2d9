/**
 * The shares of the instances in the rate of each key. Every half second an instance tells Redis its
 * demand for each key that is in use, and hears the demand of all. Its share of the rate is its share
 * of the demand. No order waits for this.
 *
 * While Redis is away, and without one, an instance takes a like share among the instances that it
 * knew last. (rate-limiter-flexible was considered: it asks Redis for each call, or counts each
 * instance by itself.)
 */
import type { Redis } from "ioredis";
import { z } from "zod";
import { every } from "../every.ts";
import { askRedis, closeRedis } from "../redis/connection.ts";
import type { Hints } from "../telemetry/hints.ts";
import { NO_LIMIT, RateBuckets, type RateLimit } from "./rate_limit.ts";

export interface RateSharesOptions {
  /** Null: there is no limit. */
  readonly rate: { readonly ordersPerSecond: number; readonly burst: number } | null;
  /** Opens a connection of its own, where there is a limit. Null: without Redis. */
  readonly openRedis: () => Redis | null;
  readonly prefix: string;
  readonly instanceId: string;
  readonly hints: Hints;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

export interface RunningRateLimit extends RateLimit {
  stop(): Promise<void>;
}

/** Chosen: a flood that changes instances gets half a second twice, which is half a burst more. */
const EXCHANGE_MS = 500;
/** The demand of an instance counts for this long. Longer than a pause of the process, mostly. */
const FRESH_MS = 2_000;
/** Keys in one script: Redis does nothing else meanwhile. */
const MAX_KEYS = 500;

/**
 * KEYS: instances, then a key for each API key. ARGV: this instance, how long a demand counts (ms),
 * its demand for each. Returns the number of instances, and the demand of all for each.
 */
const EXCHANGE = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  local answers = { tostring(redis.call('ZCARD', KEYS[1])) }
  for i = 2, #KEYS do
    redis.call('HSET', KEYS[i], ARGV[1], now .. ' ' .. ARGV[i + 1])
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
    local total = 0
    local known = redis.call('HGETALL', KEYS[i])
    for j = 1, #known, 2 do
      local at, demand = string.match(known[j + 1], '^(%d+) (%S+)$')
      if at and now - at <= tonumber(ARGV[2]) then total = total + demand
      else redis.call('HDEL', KEYS[i], known[j]) end
    end
    answers[i] = tostring(total)
  end
  return answers`;

const answersShape = z.tuple([z.coerce.number()], z.coerce.number());

/** The beginning of all keys. The braces keep them on one node of a Redis cluster. */
export function rateKey(prefix: string): string {
  return `${prefix}:{rate}`;
}

/** Starts the limit of the keys' rates, and the exchange about it. */
export function startRateLimit(options: RateSharesOptions): RunningRateLimit {
  const { rate, hints, now } = options;
  if (rate === null) return { ...NO_LIMIT, stop: () => Promise.resolve() };
  const redis = options.openRedis();
  const buckets = new RateBuckets({ ...rate, now });
  let heardAt = now();
  const exchanging = redis === null ? null : every(EXCHANGE_MS, async () => {
    const heard = await hints.run("rate shares", () => exchange(options, redis, buckets));
    if (heard !== null) heardAt = now();
    else if (now() - heardAt > FRESH_MS) buckets.divide();
  });
  redis?.once("ready", () => exchanging?.now()); // so that it soon knows how many there are
  return {
    begin: (keyId) => buckets.begin(keyId),
    stop: async () => {
      await exchanging?.stop();
      if (redis !== null) await closeRedis(redis);
    },
  };
}

/** Tells the demands and hears those of all, for all keys that are in use. */
async function exchange(
  { prefix, instanceId }: RateSharesOptions,
  redis: Redis,
  buckets: RateBuckets,
): Promise<true> {
  const demands = buckets.demands();
  const totals = new Map<string, number>();
  const keyIds = [...demands.keys()];
  let instances = 1;
  do {
    const some = keyIds.splice(0, MAX_KEYS);
    const place = rateKey(prefix);
    const keys = [`${place}:instances`, ...some.map((id) => `${place}:key:${id}`)];
    const told = some.map((keyId) => String(demands.get(keyId)));
    const [count, ...answers] = answersShape.parse(
      await askRedis(
        redis,
        () => redis.eval(EXCHANGE, keys.length, ...keys, instanceId, FRESH_MS, ...told),
      ),
    );
    instances = Math.max(1, count);
    some.forEach((keyId, index) => totals.set(keyId, answers[index] ?? 0));
  } while (keyIds.length > 0);
  buckets.share(instances, demands, totals);
  return true;
}
