/** A Redis with replicas, watched by three sentinels, who promote a replica when the master dies. */
import type { Redis } from "ioredis";
import { invocation } from "../../../server/embedded/redis_package.ts";
import { findRecentRedis } from "../services/recent_redis.ts";
import { askRedisAt } from "../services/redis.ts";
import { withReplicatedRedis } from "../services/replicated_redis.ts";
import { freePort, type ServerProcess } from "../services/server_process.ts";
import { until } from "../services/services.ts";
import { startProgram } from "./program.ts";

const NAME = "shop";
const SENTINELS = 3;
/** A password of the sentinels, who are asked by those who know it alone. */
const PASSWORD = "ask me";

export interface WatchedRedis {
  /** The URL by which the master is found, whoever it is. */
  readonly url: string;
  /** The master of the beginning. */
  readonly master: ServerProcess;
  readonly sentinels: readonly ServerProcess[];
  /** The port of the master that the sentinels name now. */
  masterPort(): Promise<number>;
}

/** Runs `test` with a master, two replicas in step and three sentinels that know them. */
export async function withSentinels(test: (redis: WatchedRedis) => Promise<void>): Promise<void> {
  await withReplicatedRedis(async ({ master, startReplica, listed }) => {
    await Promise.all([startReplica(), startReplica()]);
    await until("both replicas to follow", async () => await listed() === 2);
    const sentinels: ServerProcess[] = [];
    try {
      for (let count = 0; count < SENTINELS; count++) {
        sentinels.push(await startSentinel(master.port));
      }
      await until("the sentinels to know all", async () => {
        const known = await Promise.all(sentinels.map(({ port }) => askSentinel(port, knownBy)));
        return known.every(({ replicas, others }) => replicas === 2 && others === SENTINELS - 1);
      });
      const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
      const query = `sentinelpassword=${encodeURIComponent(PASSWORD)}`;
      await test({
        url: `redis+sentinel://${hosts}/${NAME}?${query}`,
        master,
        sentinels,
        masterPort: () => askSentinel(sentinels.at(-1)!.port, masterOf),
      });
    } finally {
      for (const sentinel of sentinels) await sentinel.dispose();
    }
  });
}

async function startSentinel(masterPort: number): Promise<ServerProcess> {
  const program = await findRecentRedis();
  const port = freePort();
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    "protected-mode no",
    `requirepass "${PASSWORD}"`,
    `sentinel sentinel-pass "${PASSWORD}"`,
    `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${NAME} 1000`,
    `sentinel failover-timeout ${NAME} 10000`,
  ];
  return await startProgram({
    name: "env",
    package: "coreutils",
    url: `redis://127.0.0.1:${port}`,
    files: () => ({ "sentinel.conf": lines.join("\n") }),
    args: (folder) => invocation(program, `${folder}/sentinel.conf`, "--sentinel"),
    answers: () => askSentinel(port, (redis) => redis.ping()).then(() => true, () => false),
  });
}

function askSentinel<T>(port: number, question: (redis: Redis) => Promise<T>): Promise<T> {
  const way = { host: "127.0.0.1", port, password: PASSWORD, enableReadyCheck: false };
  return askRedisAt(way, question);
}

async function knownBy(redis: Redis) {
  const [replicas, others] = await Promise.all([
    redis.call("SENTINEL", "REPLICAS", NAME) as Promise<unknown[]>,
    redis.call("SENTINEL", "SENTINELS", NAME) as Promise<unknown[]>,
  ]);
  return { replicas: replicas.length, others: others.length };
}

async function masterOf(redis: Redis): Promise<number> {
  const address = await redis.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME);
  const [, port] = address as [host: string, port: string];
  return Number(port);
}
