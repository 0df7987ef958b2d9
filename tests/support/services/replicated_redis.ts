/** A Redis with replicas. All of them know WAITAOF. */
import type { Redis } from "ioredis";
import { findRecentRedis } from "./recent_redis.ts";
import { askRedisAt } from "./redis.ts";
import { type ServerProcess, type Settings, startRedis } from "./server_process.ts";

export interface ReplicatedRedis {
  readonly master: ServerProcess;
  /** Starts a replica with the usual settings. `settings` replaces some of them. */
  startReplica(settings?: Settings): Promise<ServerProcess>;
  /** The number of replicas that the master lists, in any state. */
  listed(): Promise<number>;
  /** Asks the master, or `server`. */
  ask<T>(question: (redis: Redis) => Promise<T>, server?: ServerProcess): Promise<T>;
}

/** Runs `test` with a master that has no replica yet, and takes all servers down. */
export async function withReplicatedRedis(
  test: (servers: ReplicatedRedis) => Promise<void>,
): Promise<void> {
  const program = await findRecentRedis();
  // Without this setting the master would first wait for more replicas.
  const master = await startRedis({ "repl-diskless-sync-delay": "0" }, program);
  const servers = [master];
  const ask: ReplicatedRedis["ask"] = (question, server = master) =>
    askRedisAt(server.url, question);
  try {
    await test({
      master,
      startReplica: async (settings = {}) => {
        const follow = { replicaof: `127.0.0.1 ${master.port}` };
        const replica = await startRedis({ ...follow, ...settings }, program);
        servers.push(replica);
        return replica;
      },
      listed: () =>
        ask(async (redis) => {
          const [, listed] = /connected_slaves:(\d+)/.exec(await redis.info("replication")) ?? [];
          return Number(listed);
        }),
      ask,
    });
  } finally {
    for (const server of servers.reverse()) await server.dispose();
  }
}
