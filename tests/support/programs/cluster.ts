/** A Redis Cluster of three nodes without replicas. */
import type { Redis } from "ioredis";
import { askRedisAt } from "../services/redis.ts";
import { freePort, type ServerProcess, startRedis } from "../services/server_process.ts";
import { until } from "../services/services.ts";

const SLOTS = 16_384;
const NODES = 3;

export interface RedisCluster {
  readonly nodes: readonly ServerProcess[];
  /** The URL with one of the nodes, which tells of the others. */
  readonly url: string;
  /** Moves the slot of `keys` to a node that does not have it, as `redis-cli --cluster` does. */
  moveSlot(keys: readonly string[]): Promise<void>;
}

/** Runs `test` with a cluster in which every slot has its node. */
export async function withCluster(test: (cluster: RedisCluster) => Promise<void>): Promise<void> {
  const nodes: ServerProcess[] = [];
  try {
    for (let count = 0; count < NODES; count++) {
      nodes.push(
        await startRedis({
          "cluster-enabled": "yes",
          "cluster-node-timeout": "2000",
          "cluster-port": String(freePort()),
        }),
      );
    }
    await join(nodes);
    await test({
      nodes,
      url: `redis+cluster://127.0.0.1:${nodes[0]!.port}`,
      moveSlot: (keys) => moveSlot(nodes, keys),
    });
  } finally {
    for (const node of nodes) await node.dispose();
  }
}

async function join(nodes: readonly ServerProcess[]): Promise<void> {
  const [first] = nodes;
  for (const [index, node] of nodes.entries()) {
    await ask(node, async (redis) => {
      const [from, to] = [index, index + 1].map((part) => Math.floor(SLOTS * part / NODES));
      await redis.call("CLUSTER", "ADDSLOTSRANGE", from!, to! - 1);
      await redis.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
    });
  }
  for (const node of nodes.slice(1)) {
    const busPort = Number(node.settings["cluster-port"]);
    await ask(first!, (redis) => redis.call("CLUSTER", "MEET", "127.0.0.1", node.port, busPort));
  }
  await until("the cluster to be complete", async () => {
    const infos = await Promise.all(
      nodes.map((node) => ask(node, (redis) => redis.call("CLUSTER", "INFO") as Promise<string>)),
    );
    return infos.every((info) =>
      info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${NODES}`)
    );
  });
}

async function moveSlot(nodes: readonly ServerProcess[], keys: readonly string[]): Promise<void> {
  const slot = await ask(nodes[0]!, (redis) => redis.cluster("KEYSLOT", keys[0]!));
  const owners = await Promise.all(nodes.map((node) => ask(node, (redis) => owns(redis, slot))));
  const from = nodes[owners.indexOf(true)]!;
  const to = nodes[owners.indexOf(false)]!;
  const [fromId, toId] = await Promise.all([from, to].map((node) => ask(node, idOf)));
  await ask(to, (redis) => redis.call("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId!));
  await ask(from, async (redis) => {
    await redis.call("CLUSTER", "SETSLOT", slot, "MIGRATING", toId!);
    await redis.call("MIGRATE", "127.0.0.1", to.port, "", 0, 5_000, "KEYS", ...keys);
  });
  for (const node of [to, from, ...nodes]) {
    await ask(node, (redis) => redis.call("CLUSTER", "SETSLOT", slot, "NODE", toId!));
  }
}

const idOf = (redis: Redis) => redis.call("CLUSTER", "MYID") as Promise<string>;

async function owns(redis: Redis, slot: number): Promise<boolean> {
  const id = await idOf(redis);
  const ranges = await redis.call("CLUSTER", "SLOTS") as [
    number,
    number,
    [string, number, string],
  ][];
  return ranges.some(([first, last, [, , owner]]) => first <= slot && slot <= last && owner === id);
}

function ask<T>({ url }: ServerProcess, question: (redis: Redis) => Promise<T>): Promise<T> {
  return askRedisAt(url, question);
}
