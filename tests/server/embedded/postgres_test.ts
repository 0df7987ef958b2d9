/** The embedded PostgreSQL through starts, crashes and damage. Every test has its own folder. */
import postgres from "postgres";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  EmbeddedError,
  type EmbeddedEvent,
  type EmbeddedPostgres,
  startEmbedded,
} from "../../../server/embedded/mod.ts";
import { spawnOwner } from "../../support/services/embedded_owner.ts";
import { until, withFolder } from "../../support/services/services.ts";

interface Running {
  readonly postgres: EmbeddedPostgres;
  readonly events: EmbeddedEvent[];
  stop(): Promise<void>;
}

async function start(dataDir: string): Promise<Running> {
  const events: EmbeddedEvent[] = [];
  const services = await startEmbedded({
    dataDir,
    postgres: true,
    redis: false,
    settings: { fsync: "off" },
    onEvent: (event) => events.push(event),
  });
  assert(services.postgres);
  return { postgres: services.postgres, events, stop: services.stop };
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

async function ask<T extends postgres.Row>(url: string, text: string): Promise<T[]> {
  const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => undefined });
  try {
    return [...await sql.unsafe<T[]>(text)];
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function remember(url: string, word: string): Promise<void> {
  await ask(url, "create table if not exists words (word text)");
  await ask(url, `insert into words values ('${word}')`);
}

async function remembered(url: string): Promise<string[]> {
  const rows = await ask<{ word: string }>(url, "select word from words order by word");
  return rows.map((row) => row.word);
}

function kinds(events: readonly EmbeddedEvent[]): string[] {
  return events.map((event) => event.kind);
}

/** The reason of the failed start: one line. The folder's lock is free again. */
async function refusal(folder: string): Promise<string> {
  const { message } = await assertRejects(() => start(folder), EmbeddedError);
  assertEquals(message.split("\n").length, 1);
  return message;
}

Deno.test("a fresh folder gets a database that is kept between runs", () =>
  withFolder(async (folder) => {
    await withRunning(folder, async ({ postgres, events }) => {
      await remember(postgres.url, "first");
      assertEquals(kinds(events), ["initialising", "ready"]);
    });
    await withRunning(folder, async ({ postgres, events }) => {
      assertEquals(await remembered(postgres.url), ["first"]);
      assertEquals(kinds(events), ["ready"]);
    });
  }));

Deno.test("the server is durable, in UTF-8, and listens on the loopback address alone", () =>
  withFolder(async (folder) => {
    const services = await startEmbedded({ dataDir: folder, postgres: true, redis: false });
    try {
      assert(services.postgres);
      const names = ["fsync", "synchronous_commit", "full_page_writes", "server_encoding"];
      names.push("listen_addresses", "unix_socket_directories");
      const [row] = await ask(
        services.postgres.url,
        `select ${names.map((name) => `current_setting('${name}') as ${name}`).join(", ")}`,
      );
      assertEquals({ ...row }, {
        fsync: "on",
        synchronous_commit: "on",
        full_page_writes: "on",
        server_encoding: "UTF8",
        listen_addresses: "127.0.0.1",
        unix_socket_directories: "",
      });
    } finally {
      await services.stop();
    }
  }));

Deno.test("secrets, log and data are for this user alone", () =>
  withFolder(async (folder) => {
    const dataDir = `${folder}/inner`;
    await withRunning(dataDir, async () => {
      for (const name of ["postgres.password", "postgres.log", "lock"]) {
        const { mode } = await Deno.stat(`${dataDir}/${name}`);
        assertEquals((mode ?? 0) & 0o777, 0o600, name);
      }
      const { mode } = await Deno.stat(dataDir);
      assertEquals((mode ?? 0) & 0o777, 0o700);
    });
  }));

Deno.test("a server whose Weir was killed is stopped, and its data is there", () =>
  withFolder(async (folder) => {
    const owner = await spawnOwner(folder, "postgres");
    await remember(owner.url, "of the killed");
    await owner.kill();
    assertEquals(await remembered(owner.url), ["of the killed"], "the orphan still runs");
    await withRunning(folder, async ({ postgres, events }) => {
      assertEquals(kinds(events), ["orphan_stopped", "ready"]);
      assertNotEquals(postgres.pid, owner.pid);
      assertEquals(await remembered(postgres.url), ["of the killed"]);
    });
  }));

Deno.test("a server that was killed together with its Weir recovers by itself", () =>
  withFolder(async (folder) => {
    const owner = await spawnOwner(folder, "postgres");
    await remember(owner.url, "kept");
    await owner.kill();
    Deno.kill(owner.pid, "SIGKILL");
    await withRunning(folder, async ({ postgres, events }) => {
      assert(!kinds(events).includes("orphan_stopped"));
      assertEquals(await remembered(postgres.url), ["kept"]);
    });
  }));

Deno.test("a pid file that names another living process does not stop the start", () =>
  withFolder(async (folder) => {
    await withRunning(folder, ({ postgres }) => remember(postgres.url, "kept"));
    // After a reboot or in a restarted container, small process ids come again.
    const lines = [Deno.pid, `${folder}/postgres`, 1_700_000_000, 1, "", "127.0.0.1", "1 1"];
    await Deno.writeTextFile(`${folder}/postgres/postmaster.pid`, `${lines.join("\n")}\n`);
    await withRunning(folder, async ({ postgres, events }) => {
      assertEquals(kinds(events), ["ready"]);
      assertEquals(await remembered(postgres.url), ["kept"]);
    });
  }));

Deno.test("another folder's server is left alone, even when our pid file names its port", () =>
  withFolder((folder) =>
    withFolder((other) =>
      withRunning(other, async (neighbour) => {
        await withRunning(folder, () => Promise.resolve());
        const { pid, port } = neighbour.postgres;
        const lines = [pid, `${folder}/postgres`, 1_700_000_000, port, "", "127.0.0.1", "1 1"];
        await Deno.writeTextFile(`${folder}/postgres/postmaster.pid`, `${lines.join("\n")}\n`);
        await withRunning(folder, ({ events }) => {
          assertEquals(kinds(events), ["ready"]);
          return Promise.resolve();
        });
        assertEquals(neighbour.postgres.pid, pid);
        assertEquals((await ask(neighbour.postgres.url, "select 1 as one")).length, 1);
      })
    )
  ));

Deno.test("a killed server is started again on the same port with its data", () =>
  withFolder((folder) =>
    withRunning(folder, async ({ postgres, events }) => {
      await remember(postgres.url, "kept");
      const { pid, port, url } = postgres;
      Deno.kill(pid, "SIGKILL");
      await until("the next server", () => postgres.pid !== pid && postgres.pid !== 0);
      assertEquals(kinds(events).slice(0, 3), ["initialising", "ready", "exited"]);
      assertStringIncludes(events[2]?.message ?? "", "SIGKILL");
      assertEquals(postgres.port, port);
      assertEquals(await remembered(url), ["kept"]);
    })
  ));

Deno.test("stop() is legal twice, also while the server is being started again", () =>
  withFolder(async (folder) => {
    const running = await start(folder);
    Deno.kill(running.postgres.pid, "SIGKILL");
    await until("the exit", () => kinds(running.events).includes("exited"));
    await Promise.all([running.stop(), running.stop()]);
    await running.stop();
    assertEquals(running.postgres.pid, 0);
    await assertRejects(() => ask(running.postgres.url, "select 1"));
    await withRunning(folder, ({ postgres }) => remember(postgres.url, "again"));
  }));

Deno.test("a folder in use by a live Weir is refused with its process id", () =>
  withFolder(async (folder) => {
    const owner = await spawnOwner(folder, "postgres");
    try {
      const message = await refusal(folder);
      assertMatch(message, /in use by another Weir \(process \d+\).*WEIR_DATA_DIR/);
      assertEquals((await ask(owner.url, "select 1 as one")).length, 1, "the owner's still runs");
    } finally {
      await owner.kill();
    }
    await withRunning(folder, () => Promise.resolve()); // stops the orphan
  }));

Deno.test("a damaged folder is refused with the log's place and the line that explains it", () =>
  withFolder(async (folder) => {
    await withRunning(folder, () => Promise.resolve());
    await Deno.truncate(`${folder}/postgres/global/pg_control`, 100);
    const message = await refusal(folder);
    assertStringIncludes(message, `${folder}/postgres`);
    assertStringIncludes(message, `(log: ${folder}/postgres.log)`);
    assertStringIncludes(message, "pg_control");
  }));

Deno.test("data without PG_VERSION, of another version or without its password is refused", () =>
  withFolder(async (folder) => {
    await withRunning(folder, () => Promise.resolve());
    const versionFile = `${folder}/postgres/PG_VERSION`;
    const version = await Deno.readTextFile(versionFile);
    await Deno.writeTextFile(versionFile, "9\n");
    assertMatch(await refusal(folder), /of PostgreSQL 9, this Weir brings \d+/);
    await Deno.remove(versionFile);
    assertMatch(await refusal(folder), /damaged \(PG_VERSION is missing\)/);
    await Deno.writeTextFile(versionFile, version);
    const password = await Deno.readTextFile(`${folder}/postgres.password`);
    await Deno.remove(`${folder}/postgres.password`);
    assertMatch(await refusal(folder), /postgres\.password is missing/);
    await Deno.writeTextFile(`${folder}/postgres.password`, password);
    await withRunning(folder, () => Promise.resolve());
  }));

Deno.test("the rest of an unfinished initdb is removed or set aside, not taken for data", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/postgres.new-abc/base`, { recursive: true });
    await Deno.mkdir(`${folder}/postgres/base/1`, { recursive: true });
    await Deno.writeTextFile(`${folder}/postgres/base/1/112`, "half");
    await withRunning(folder, async ({ postgres, events }) => {
      assertEquals(kinds(events), ["set_aside", "initialising", "ready"]);
      await remember(postgres.url, "new");
    });
    const names = [...Deno.readDirSync(folder)].map((entry) => entry.name);
    assert(!names.includes("postgres.new-abc"));
    const aside = names.find((name) => name.startsWith("postgres.aside-"));
    assertEquals(await Deno.readTextFile(`${folder}/${aside}/base/1/112`), "half");
  }));

Deno.test("a folder that cannot be made or locked is refused in one line", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    assertMatch(await refusal(`${folder}/file/inner`), /cannot be used as data folder/);
    await Deno.mkdir(`${folder}/taken/lock`, { recursive: true });
    assertMatch(await refusal(`${folder}/taken`), /cannot be used as data folder/);
  }));
