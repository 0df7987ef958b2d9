/**
 * Durability: does this Redis keep every write? An order may only be called `spilled` when each write
 * is on disk before Redis answers, and nothing is evicted. A replica may become the master at any
 * time, so where there are replicas one of them must have the write on disk as well.
 *
 * Tested in tests/system/overflow/not_durable_test.ts and replica_confirms_test.ts.
 */
import type { Redis } from "ioredis";
import { isAnswer } from "../redis/connection.ts";
import { TOUCH } from "./scripts.ts";

/** The findings of one look at Redis. */
export interface Durability {
  /** Why Redis is not trusted with orders; null when it is. */
  readonly problem: string | null;
  /** True when a write counts only once a replica has confirmed it. */
  readonly needsReplica: boolean;
  /** False when this Redis is a replica. */
  readonly isPrimary: boolean;
}

const NEEDED: Readonly<Record<string, string>> = {
  appendonly: "yes",
  appendfsync: "always",
  "no-appendfsync-on-rewrite": "no",
  "maxmemory-policy": "noeviction",
};

/** How long a replica may take to confirm a write. */
const CONFIRM_MS = 2_000;
/**
 * One WAITAOF waits this long, and blocks the connection meanwhile. It makes the replicas report how
 * far they have synced. A replica that syncs a moment later would report only after a second, so we
 * ask again and again.
 */
const ASK_MS = 20;

/**
 * Asks Redis for its settings and, where it needs a replica, for a confirmation.
 * @param counter a key for a write that changes nothing
 * @param hasReplicas true where somebody may promote a replica at any time, also while none is here
 * @throws what the client throws when Redis is away
 */
export async function checkDurability(
  redis: Redis,
  counter: string,
  hasReplicas = false,
): Promise<Durability> {
  try {
    const { isMaster, needsReplica: seesReplica } = await readReplication(redis);
    const needsReplica = seesReplica || hasReplicas;
    const found = { needsReplica, isPrimary: isMaster };
    if (!isMaster) return { ...found, problem: "this Redis is a replica" };
    const problem = await findSettingsProblem(redis) ??
      (needsReplica ? await findReplicaProblem(redis, counter) : null);
    return { ...found, problem };
  } catch (error) {
    if (!isAnswer(error)) throw error;
    const problem = `Redis refuses a question: ${error.message}`;
    return { problem, needsReplica: false, isPrimary: true };
  }
}

async function findReplicaProblem(redis: Redis, counter: string): Promise<string | null> {
  try {
    // Before the first write of a connection WAITAOF says yes for any replica, so write first.
    await redis.eval(TOUCH, 1, counter);
    await confirm(redis);
    return null;
  } catch (error) {
    if (error instanceof Unconfirmed) return error.message;
    if (!isAnswer(error)) throw error;
    return `Redis needs a replica and refuses to wait for one: ${error.message}`;
  }
}

/**
 * Resolves when the latest write of this connection is on every disk it must be on. Call it in the
 * same tick as the write, so that it sees the replicas of that moment.
 * @param neededReplica true when the latest look needed a replica. A replica that has left since
 *   then may still become the master.
 * @throws Unconfirmed, or what the client throws
 */
export async function confirmWrite(redis: Redis, neededReplica: boolean): Promise<void> {
  const { isMaster, needsReplica } = await readReplication(redis);
  if (!isMaster) throw new Unconfirmed("Redis has become a replica");
  if (neededReplica || needsReplica) await confirm(redis);
}

/** Redis has the write, but a failover may lose it. */
export class Unconfirmed extends Error {
  override readonly name = "Unconfirmed";
}

/** Waits until Redis and one replica have synced the writes of this connection. */
async function confirm(redis: Redis): Promise<void> {
  const deadline = performance.now() + CONFIRM_MS;
  do {
    const answer = await redis.call("WAITAOF", 1, 1, ASK_MS) as [local: number, replicas: number];
    const [local, replicas] = answer;
    if (local >= 1 && replicas >= 1) return;
  } while (performance.now() < deadline);
  throw new Unconfirmed(
    `no replica has synced a write to its append-only file in ${CONFIRM_MS} ms`,
  );
}

async function readReplication(
  redis: Redis,
): Promise<{ isMaster: boolean; needsReplica: boolean }> {
  const replication = await redis.info("replication");
  return {
    isMaster: fieldOf(replication, "role") === "master",
    needsReplica: fieldOf(replication, "connected_slaves") !== "0" ||
      fieldOf(replication, "min_slaves_good_slaves") !== null, // min-replicas-to-write is set
  };
}

async function findSettingsProblem(redis: Redis): Promise<string | null> {
  for (const [name, needed] of Object.entries(NEEDED)) {
    const found = await settingOf(redis, name);
    if (found === null) return "Redis does not tell its settings (CONFIG GET)";
    if (found !== needed) return `Redis has ${name} ${found}, and ${needed} is needed`;
  }
  const persistence = await redis.info("persistence");
  if (fieldOf(persistence, "aof_last_write_status") !== "ok") {
    return "Redis could not write its append-only file";
  }
  return null;
}

/** The setting; null when Redis forbids the question. */
async function settingOf(redis: Redis, name: string): Promise<string | null> {
  try {
    const pair = await redis.config("GET", name) as string[];
    return pair[1] ?? null;
  } catch (error) {
    if (isAnswer(error)) return null;
    throw error;
  }
}

function fieldOf(info: string, name: string): string | null {
  const line = info.split("\r\n").find((line) => line.startsWith(`${name}:`));
  return line?.slice(name.length + 1) ?? null;
}
