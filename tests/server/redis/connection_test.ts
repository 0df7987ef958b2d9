/** Connections to a Redis that answers that it takes no writes, as a replica does. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Redis } from "ioredis";
import { askRedis, closeRedis, isAnswer, openRedis } from "../../../server/redis/connection.ts";
import { until } from "../../support/services/services.ts";

/** A server of Redis's protocol. It answers every command after the handshake as told. */
async function withServer(
  answer: () => string,
  test: (redis: Redis, connections: () => number) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  let connections = 0;
  const serving = (async () => {
    for await (const connection of listener) {
      connections++;
      open.add(connection);
      void serve(connection, answer).finally(() => open.delete(connection));
    }
  })();
  const redis = openRedis(`redis://127.0.0.1:${listener.addr.port}/0`, "test");
  try {
    await until("the connection", () => redis.status === "ready");
    await test(redis, () => connections);
  } finally {
    await closeRedis(redis);
    listener.close();
    await serving;
    await until("all connections to end", () => open.size === 0);
  }
}

async function serve(connection: Deno.TcpConn, answer: () => string): Promise<void> {
  const buffer = new Uint8Array(65_536);
  let text = "";
  try {
    for (let read = await connection.read(buffer); read !== null;) {
      text += new TextDecoder().decode(buffer.subarray(0, read));
      for (let command = nextCommand(text); command !== null; command = nextCommand(text)) {
        text = text.slice(command.length);
        await connection.write(new TextEncoder().encode(replyTo(command.name, answer)));
      }
      read = await connection.read(buffer);
    }
  } catch {
    // The client has gone.
  } finally {
    connection.close();
  }
}

/** The first whole command: its first word, and its length in the text. Texts here are ASCII. */
function nextCommand(text: string): { name: string; length: number } | null {
  const [head, count] = /^\*(\d+)\r\n/.exec(text) ?? [];
  if (head === undefined) return null;
  let [at, name] = [head.length, ""];
  for (let word = 0; word < Number(count); word++) {
    const [sizeLine, size] = /^\$(\d+)\r\n/.exec(text.slice(at)) ?? [];
    if (sizeLine === undefined || text.length < at + sizeLine.length + Number(size) + 2) {
      return null;
    }
    if (word === 0) name = text.slice(at + sizeLine.length, at + sizeLine.length + Number(size));
    at += sizeLine.length + Number(size) + 2;
  }
  return { name: name.toLowerCase(), length: at };
}

function replyTo(name: string, answer: () => string): string {
  if (name === "hello") return "-NOPROTO unsupported protocol version\r\n";
  if (name === "info") return "$9\r\nloading:0\r\n";
  return name === "client" || name === "select" ? "+OK\r\n" : `${answer()}\r\n`;
}

const ANEW = [
  "-READONLY You can't write against a read only replica.",
  "-ERR Error running script (call to f_0): @user_script:2: -READONLY You can't write",
  "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "-LOADING Redis is loading the dataset in memory",
  "-NOREPLICAS Not enough good replicas to write.",
  "-UNBLOCKED force unblock from blocking operation, instance state changed",
  "-NOAUTH Authentication required.",
  "-ERR this node is not the primary",
];

const STAY = [
  "-ERR unknown command",
  "-NOPERM this user has no permissions to run the 'set' command",
  "-OOM command not allowed when used memory > 'maxmemory'.",
  "-MOVED 3999 127.0.0.1:6381",
  "-WRONGTYPE Operation against a key holding the wrong kind of value",
];

for (const answer of ANEW) {
  Deno.test(`a connection is made anew, and the command fails, after ${answer.slice(0, 40)}`, () =>
    withServer(() => answer, async (redis, connections) => {
      const error = await assertRejects(() => redis.set("key", "value"), Error);
      assert(isAnswer(error), "the answer itself, not that the connection was closed");
      await until("the next connection", () => connections() === 2);
      await until("it to be ready", () => redis.status === "ready");
    }));
}

Deno.test("a connection stays after any other refusal", () => {
  let answer = "";
  return withServer(() => answer, async (redis, connections) => {
    for (answer of STAY) await assertRejects(() => redis.set("key", "value"), Error);
    assertEquals([connections(), redis.status], [1, "ready"]);
  });
});

Deno.test("a Redis that takes no writes for ever is not connected to more than once a second", () =>
  withServer(() => ANEW[0]!, async (redis, connections) => {
    const begunAt = performance.now();
    while (performance.now() - begunAt < 2_500) {
      await askRedis(redis, () => redis.set("key", "value")).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert(connections() >= 2 && connections() <= 4, `${connections()} connections`);
  }));

for (const kind of ["cluster", "sentinel"]) {
  // The driver leaves a timer of two seconds for each sentinel that refused it.
  const isWhole = kind !== "sentinel";
  const sanitizers = { sanitizeOps: isWhole, sanitizeResources: isWhole };
  const test = `a connection that finds no ${kind} can be closed while it asks on`;
  Deno.test(test, sanitizers, async () => {
    const name = kind === "sentinel" ? "/shop" : "";
    const redis = openRedis(`redis+${kind}://127.0.0.1:1,127.0.0.1:2${name}`, "test");
    let failures = 0;
    redis.on("error", () => failures++);
    await until("some failures", () => failures > 1);
    await closeRedis(redis);
    assertEquals(redis.status, "end");
  });
}
