/** The embedded Redis over starts and crashes. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { openDataFolder } from "../../../server/embedded/data_folder.ts";
import {
  EmbeddedError,
  type EmbeddedEvent,
  type EmbeddedRedis,
  startEmbedded,
} from "../../../server/embedded/mod.ts";
import { spawnOwner } from "../../support/services/embedded_owner.ts";
import { askRedisAt } from "../../support/services/redis.ts";
import { until, withFolder } from "../../support/services/services.ts";

interface Running {
  readonly redis: EmbeddedRedis;
  readonly events: EmbeddedEvent[];
  stop(): Promise<void>;
}

async function start(dataDir: string): Promise<Running> {
  const events: EmbeddedEvent[] = [];
  const services = await startEmbedded({
    dataDir,
    postgres: false,
    redis: true,
    onEvent: (event) => events.push(event),
  });
  assert(services.redis, events.map((event) => event.message).join("; "));
  return { redis: services.redis, events, stop: services.stop };
}

async function withRunning(
  folder: string,
  test: (running: Running) => Promise<void>,
): Promise<void> {
  const running = await start(folder);
  try {
    await test(running);
  } finally {
    await running.stop();
  }
}

function kinds(events: readonly EmbeddedEvent[]): string[] {
  return events.map((event) => event.kind);
}

Deno.test("the server syncs every write before it answers, and evicts nothing", () =>
  withFolder((folder) =>
    withRunning(folder, async ({ redis }) => {
      const wanted = {
        "appendonly": "yes",
        "appendfsync": "always",
        "no-appendfsync-on-rewrite": "no",
        "maxmemory-policy": "noeviction",
        "save": "",
        "bind": "127.0.0.1",
      };
      for (const [name, value] of Object.entries(wanted)) {
        assertEquals(await askRedisAt(redis.url, (client) => client.config("GET", name)), [
          name,
          value,
        ]);
      }
    })
  ));

Deno.test("the server takes no command without the password, which is in 0600 files alone", () =>
  withFolder((folder) =>
    withRunning(folder, async ({ redis }) => {
      const open = `redis://127.0.0.1:${redis.port}/0`;
      await assertRejects(() => askRedisAt(open, (client) => client.get("key")));
      for (const name of ["redis.password", "redis.conf", "redis.log"]) {
        const { mode } = await Deno.stat(`${folder}/${name}`);
        assertEquals((mode ?? 0) & 0o777, 0o600, name);
      }
    })
  ));

Deno.test("the data is kept between runs, also in a folder with a quote in its name", () =>
  withFolder(async (outer) => {
    const folder = `${outer}/with "quotes" and spaces`;
    await withRunning(folder, async ({ redis }) => {
      await askRedisAt(redis.url, (client) => client.set("word", "kept"));
    });
    await withRunning(folder, async ({ redis }) => {
      assertEquals(await askRedisAt(redis.url, (client) => client.get("word")), "kept");
    });
  }));

Deno.test("a Redis whose Weir was killed is stopped, and its data is there", () =>
  withFolder(async (folder) => {
    const owner = await spawnOwner(folder, "redis");
    await askRedisAt(owner.url, (client) => client.set("word", "of the killed"));
    await owner.kill();
    assertEquals(await askRedisAt(owner.url, (client) => client.get("word")), "of the killed");
    await withRunning(folder, async ({ redis, events }) => {
      assertEquals(kinds(events), ["orphan_stopped", "ready"]);
      assertNotEquals(redis.pid, owner.pid);
      assertEquals(await askRedisAt(redis.url, (client) => client.get("word")), "of the killed");
    });
  }));

Deno.test("another folder's Redis is left alone, even when our settings name its port", () =>
  withFolder((folder) =>
    withFolder((other) =>
      withRunning(other, async (neighbour) => {
        await Deno.copyFile(`${other}/redis.password`, `${folder}/redis.password`);
        await Deno.writeTextFile(`${folder}/redis.conf`, `port ${neighbour.redis.port}\n`);
        await withRunning(folder, ({ events }) => {
          assertEquals(kinds(events), ["ready"]);
          return Promise.resolve();
        });
        assertEquals(await askRedisAt(neighbour.redis.url, (client) => client.ping()), "PONG");
        assertEquals(kinds(neighbour.events), ["ready"]);
      })
    )
  ));

Deno.test("a silent listener on the old port could be our Redis, so the start is refused", () =>
  withFolder(async (folder) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted: Deno.Conn[] = [];
    const accepting = (async () => {
      for await (const connection of listener) accepted.push(connection);
    })();
    try {
      await Deno.writeTextFile(`${folder}/redis.conf`, `port ${listener.addr.port}\n`);
      const { message } = await assertRejects(() => start(folder), EmbeddedError);
      assertMatch(message, /takes connections and does not answer: .*remove .*redis\.conf/);
    } finally {
      listener.close();
      for (const connection of accepted) connection.close();
      await accepting;
    }
  }));

Deno.test("a killed Redis is started again on the same port with its data", () =>
  withFolder((folder) =>
    withRunning(folder, async ({ redis, events }) => {
      await askRedisAt(redis.url, (client) => client.set("word", "kept"));
      const { pid, port } = redis;
      Deno.kill(pid, "SIGKILL");
      await until("the next Redis", () => redis.pid !== pid && redis.pid !== 0);
      assertEquals(kinds(events), ["ready", "exited", "ready"]);
      assertEquals(redis.port, port);
      assertEquals(await askRedisAt(redis.url, (client) => client.get("word")), "kept");
    })
  ));

Deno.test("an append-only file that cannot be read is refused in one line with the log", () =>
  withFolder(async (folder) => {
    await withRunning(folder, async ({ redis }) => {
      await askRedisAt(redis.url, (client) => client.set("word", "lost"));
    });
    const broken = `${folder}/redis/appendonlydir/appendonly.aof.manifest`;
    await Deno.writeTextFile(broken, "not a manifest\n");
    const { message } = await assertRejects(() => start(folder), EmbeddedError);
    assertEquals(message.split("\n").length, 1);
    assertStringIncludes(message, `(log: ${folder}/redis.log)`);
  }));

Deno.test("the data folder's lock covers Redis too", () =>
  withFolder(async (path) => {
    const folder = await openDataFolder(path);
    const { message } = await assertRejects(() => start(path), EmbeddedError);
    assertMatch(message, new RegExp(`process ${Deno.pid}`));
    folder.close();
    folder.close();
    await withRunning(path, () => Promise.resolve());
  }));
