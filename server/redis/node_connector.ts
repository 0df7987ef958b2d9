/**
 * Connects to the node of a cluster that has a key.
 *
 * The driver's own cluster mode spreads commands over the nodes. Weir's commands belong together: a
 * script, the question whether the node is durable, and the wait for its replicas must all go to the
 * node that holds the overflow. So each connection is one to a single node. When the node says that
 * the key has moved, or is lost, the driver connects anew, and another node is asked where the key is.
 *
 * Tested in tests/ha/cluster_test.ts.
 */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AbstractConnector, Redis, type RedisOptions as DriverOptions } from "ioredis";
import { z } from "zod";
import type { RedisHost } from "../redis_url.ts";
import { pause } from "../../sql/waiting.ts";

const TIMEOUT_MS = 1_000;
/** A connection that is ended has this time to close. */
const CLOSE_MS = 2_000;
const MAX_PAUSE_MS = 1_000;

/** The answer to CLUSTER SLOTS: first and last slot, and the primary of them before its replicas. */
const slotsShape = z.array(
  z.tuple(
    [z.number(), z.number(), z.tuple([z.string().nullable(), z.number()], z.unknown())],
    z.unknown(),
  ),
);

/** The form of answers is no part of the way. */
export type RedisOptions = Omit<DriverOptions, "replyMapping">;

type Emit = (event: string, error: Error) => void;

/** A class as the driver wants it: one connector for each connection. */
export function nodeConnector(
  seeds: readonly RedisHost[],
  key: string,
  options: RedisOptions,
): NonNullable<RedisOptions["Connector"]> {
  return class extends AbstractConnector {
    #given = new AbortController();
    /** The node that is asked first: another one after each failure. */
    #first = 0;

    constructor() {
      super(CLOSE_MS);
    }

    /** Asks for the node until it is found, and connects. */
    override async connect(emit: Emit): Promise<Socket> {
      this.connecting = true;
      this.#given = new AbortController();
      for (let attempt = 1;; attempt++) {
        if (!this.connecting) throw new Error("Connection is closed.");
        const seed = seeds[this.#first % seeds.length]!;
        try {
          const node = await askNode(seed, key, options);
          if (this.connecting) return this.stream = open(node, options);
        } catch (error) {
          this.#first++;
          if (this.connecting) emit("error", error as Error);
        }
        await pause(Math.min(MAX_PAUSE_MS, 50 * attempt), this.#given.signal);
      }
    }

    override disconnect(): void {
      this.#given.abort();
      this.#first++; // a node that is cut off from the others would name itself again
      if (this.stream?.destroyed) this.connecting = false; // its end is past
      else super.disconnect();
    }
  };
}

function open({ host, port }: RedisHost, { tls }: RedisOptions): Socket {
  return tls === undefined
    ? connectTcp({ host, port })
    : connectTls({ host, port, servername: host, ...tls });
}

/** The node that has the key. @throws Error with the reason why this one cannot tell */
async function askNode(seed: RedisHost, key: string, options: RedisOptions): Promise<RedisHost> {
  const redis = new Redis({
    ...options,
    ...seed,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let reason: unknown; // the question fails with a mere "Connection is closed."
  redis.on("error", (error) => reason = error);
  try {
    await redis.connect();
    if (!/^cluster_state:ok/m.test(await redis.cluster("INFO"))) {
      throw new Error(`the cluster is not whole, says its node ${seed.host}:${seed.port}`);
    }
    const slot = await redis.cluster("KEYSLOT", key);
    const ranges = slotsShape.parse(await redis.cluster("SLOTS"));
    const range = ranges.find(([first, last]) => first <= slot && slot <= last);
    if (range === undefined) throw new Error("no node of the cluster has the keys of Weir");
    const [host, port] = range[2];
    return { host: host || seed.host, port }; // without a name it is the node that was asked
  } catch (error) {
    throw reason ?? error;
  } finally {
    if (redis.status !== "end") redis.disconnect(); // an ended one would leave a timer
  }
}
