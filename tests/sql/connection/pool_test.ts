import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { DatabaseTimeout } from "../../../sql/connection/failure/given_up.ts";
import { Pool } from "../../../sql/connection/pool.ts";
import type { Sql } from "../../../sql/connection/driver.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";
import { withDatabase } from "../../support/services/database.ts";
import { until } from "../../support/services/services.ts";
import { withPlainRole } from "../../support/services/roles/plain_role.ts";

function poolOf(url: string, statementTimeoutMs = 5_000, maxConnections = 2): Pool {
  return new Pool({ url, name: "test", maxConnections, statementTimeoutMs });
}

Deno.test("a transaction whose session the server ends fails, and the next one works", () =>
  withDatabase(async ({ url, sql }) => {
    const pool = poolOf(url, 5_000, 1);
    for (let round = 0; round < 20; round++) {
      await assertRejects(() =>
        pool.transaction(async (tx) => {
          const [row] = await tx`select pg_backend_pid() as pid`;
          await sql`select pg_terminate_backend(${row!["pid"]})`;
          await tx`select 1`;
        })
      );
      const one = await pool.transaction(async (tx) => (await tx`select 1 as one`)[0]?.["one"]);
      assertEquals(one, 1, "the pool is usable at once");
    }
    await pool.end();
  }));

Deno.test("a pool works again however many of its sessions the server ends", () =>
  withDatabase(async ({ url, sql }) => {
    const pool = poolOf(url);
    let failed = 0;
    const ask = async () => {
      for (let round = 0; round < 200; round++) {
        await pool.run((session) => session`select 1`).catch(() => failed++);
      }
    };
    const end = async () => {
      for (let round = 0; round < 30; round++) {
        await sql`select pg_terminate_backend(pid) from pg_stat_activity
                  where datname = current_database() and application_name = 'weir test'
                    and pid <> pg_backend_pid()
                    and query not like '%pg_terminate_backend%'`;
      }
    };
    await Promise.all([ask(), ask(), end()]);
    const [row] = await pool.run((session) => session`select 1 as one`);
    assertEquals(row?.["one"], 1);
    await pool.end();
  }));

Deno.test("a statement past its timeout is cancelled by the server, and the pool stays", () =>
  withDatabase(async ({ url }) => {
    const pool = poolOf(url, 2_000, 1);
    const pidOf = async () =>
      (await pool.run((sql) => sql`select pg_backend_pid() as pid`))[0]?.["pid"];
    const before = await pidOf();
    const error = await assertRejects(() => pool.run((sql) => sql`select pg_sleep(10)`));
    assertEquals((error as Error & { code: string }).code, "57014");
    assertEquals(await pidOf(), before);
    await pool.end();
  }));

Deno.test("a silent server makes the call give up, and the connections are replaced", async () => {
  const sockets: Deno.Conn[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const socket of listener) sockets.push(socket);
  })();
  const pool = poolOf(`postgres://u:p@127.0.0.1:${listener.addr.port}/db`, 100, 1);
  const error = await assertRejects(() => pool.run((sql) => sql`select 1`));
  assertInstanceOf(error, DatabaseTimeout);
  assertEquals(error.code, "WEIR_DATABASE_TIMEOUT");
  await pool.end(0);
  listener.close();
  await accepting;
  for (const socket of sockets) socket.close();
});

Deno.test("a bug inside a transaction keeps its error and costs no connection", () =>
  withDatabase(async ({ url }) => {
    const pool = poolOf(url, 5_000, 1);
    const pids: unknown[] = [];
    const begin = (bug: () => void) =>
      pool.transaction(async (tx) => {
        pids.push((await tx`select pg_backend_pid() as pid`)[0]?.["pid"]);
        bug();
      });
    await assertRejects(
      () =>
        begin(() => {
          throw new TypeError("a bug");
        }),
      TypeError,
      "a bug",
    );
    await begin(() => undefined);
    assertEquals(pids[0], pids[1]);
    await pool.end();
  }));

Deno.test("connections that are lost under many calls are replaced, and none is left over", () =>
  withDatabase(async ({ url, sql }) => {
    const pool = poolOf(url, 5_000, 6);
    const pids = async () =>
      (await sql<{ pid: number }[]>`
        select pid from pg_stat_activity
        where application_name = 'weir test' and datname = current_database()
          and pid <> pg_backend_pid() and client_port is not null and query like '%0.05%'`)
        .map(({ pid }) => pid);
    for (let round = 0; round < 5; round++) {
      const calls = Array.from(
        { length: 60 },
        () => pool.run((session) => session`select pg_sleep(0.05)`).catch(() => undefined),
      );
      const [pid] = await until("calls under way", async () => {
        const there = await pids();
        return there.length > 0 ? there : null;
      });
      await sql`select pg_terminate_backend(${pid!})`;
      await Promise.all(calls);
    }
    await until("what was replaced to be gone", async () => (await pids()).length <= 6);
    await pool.end();
    await until("the others to be gone as well", async () => (await pids()).length === 0);
  }));

Deno.test("a far server's new session goes on connecting, and the pool's other session stays", () =>
  withDatabase(async ({ url }) => {
    const proxy = WireProxy.to(url);
    const pool = poolOf(proxy.through(url), 1_000);
    const pidOf = (sql: Sql) => sql`select pg_backend_pid() as pid`.then(([row]) => row?.["pid"]);
    try {
      const near = await pool.run(pidOf);
      proxy.delayMs = 300; // a call is two round trips at first, and a new session five more
      let asking = true;
      const pids = new Set<unknown>();
      const asked = (async () => {
        while (asking) pids.add(await pool.run(pidOf));
      })();
      let tries = 0;
      let late = 0;
      const second = () =>
        pool.run(async (sql) => {
          late++;
          return await pidOf(sql);
        });
      await assertRejects(second, DatabaseTimeout);
      await until("the second session", async () => {
        tries++;
        return await second().catch(() => near) !== near;
      });
      asking = false;
      await asked;
      assert(late <= tries, "the call that was given up is not made later");
      assert(pids.has(near), "the first session went on");
    } finally {
      await pool.end(0);
      await proxy.close();
    }
  }));

Deno.test("a session that could not be set up is not used again", () =>
  withDatabase((database) =>
    withPlainRole(database, async (url, role) => {
      const { sql } = database;
      const setting = encodeURIComponent("-c log_min_messages=error");
      const pool = poolOf(`${url}${url.includes("?") ? "&" : "?"}options=${setting}`, 5_000);
      const ask = () => pool.run((session) => session`select 1 as one`);
      try {
        await assertRejects(ask, Error, "log_min_messages"); // a right of superusers
        await sql.unsafe(`grant set on parameter log_min_messages to ${role}`);
        assertEquals((await ask())[0]?.["one"], 1);
      } finally {
        await pool.end();
        await sql.unsafe(`revoke set on parameter log_min_messages from ${role}`);
      }
    })
  ));
