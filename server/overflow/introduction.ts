/**
 * One line at the start that says which Redis was found and what it is trusted with, so that an
 * operator who meant it to hold orders sees at once whether it does.
 *
 * Tested in tests/system/overflow/not_durable_test.ts.
 */
import type { Redis } from "ioredis";
import type { RedisTarget } from "../redis_url.ts";
import { describe, getLogger } from "../telemetry/log.ts";

const log = getLogger(["weir", "redis"]);

const KINDS: Readonly<Record<RedisTarget["kind"], string>> = {
  server: "",
  sentinel: ", found by sentinels",
  cluster: ", a node of a cluster",
};

/** @param problem why no order waits in it; null: orders do */
export async function introduce(
  redis: Redis,
  kind: RedisTarget["kind"],
  problem: string | null,
): Promise<void> {
  const program = await programOf(redis).catch((error: unknown) => `Redis (${describe(error)})`);
  const trust = problem === null
    ? "orders wait in it while the database is out"
    : `no order waits in it: ${problem}`;
  log.info(`${program}${KINDS[kind]}: ${trust}`);
}

async function programOf(redis: Redis): Promise<string> {
  const info = await redis.info("server");
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1];
  const version = /^redis_version:(\S+)/m.exec(info)?.[1];
  return valkey === undefined ? `Redis ${version ?? "of an unknown version"}` : `Valkey ${valkey}`;
}
