/**
 * Does this Redis keep what it is given? An order may only be called `spilled` when every write is
 * on disk before it is answered, and nothing is thrown out to make room.
 */
import type { Redis } from "ioredis";

/** Why Redis is not trusted with orders; null when it is. */
export type DurabilityProblem = string | null;

const NEEDED: Readonly<Record<string, string>> = {
  appendonly: "yes",
  appendfsync: "always",
  "no-appendfsync-on-rewrite": "no",
  "maxmemory-policy": "noeviction",
};

/** Asks Redis for its settings. @throws what the client throws when Redis is away. */
export async function findDurabilityProblem(redis: Redis): Promise<DurabilityProblem> {
  for (const [name, needed] of Object.entries(NEEDED)) {
    const found = await settingOf(redis, name);
    if (found === null) return "Redis does not tell its settings (CONFIG GET)";
    if (found !== needed) return `Redis has ${name} ${found}, and ${needed} is needed`;
  }
  const persistence = await redis.info("persistence");
  if (fieldOf(persistence, "aof_last_write_status") !== "ok") {
    return "Redis could not write its append-only file";
  }
  const replication = await redis.info("replication");
  if (fieldOf(replication, "role") !== "master") return "this Redis is a replica";
  // A failover to a replica that had not synced would lose what was acknowledged.
  if (fieldOf(replication, "connected_slaves") !== "0") {
    return "Redis has replicas, and none is waited for";
  }
  return null;
}

/** Null when the question is forbidden. */
async function settingOf(redis: Redis, name: string): Promise<string | null> {
  try {
    const pair = await redis.config("GET", name) as string[];
    return pair[1] ?? null;
  } catch (error) {
    // A refusal by Redis itself; anything else is a Redis that is away.
    if (error instanceof Error && error.name === "ReplyError") return null;
    throw error;
  }
}

function fieldOf(info: string, name: string): string | null {
  const line = info.split("\r\n").find((line) => line.startsWith(`${name}:`));
  return line?.slice(name.length + 1) ?? null;
}
