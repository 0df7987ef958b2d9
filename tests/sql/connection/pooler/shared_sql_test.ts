/**
 * Sessions that a pooler shares out. The pooler is PostgreSQL itself here, so that the test sees what a
 * statement leaves behind; tests/ha has real poolers.
 */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { connect } from "../../../../sql/connection/driver.ts";
import { classify, codeOf } from "../../../../sql/connection/failure.ts";
import { Pool } from "../../../../sql/connection/pool.ts";
import { shareSql } from "../../../../sql/connection/pooler/shared_sql.ts";
import { takeSessionLock } from "../../../../sql/connection/session_lock.ts";
import { Session } from "../../../../sql/connection/session.ts";
import { setUpOf, UnfitSession } from "../../../../sql/connection/set_up.ts";
import { PROMISED } from "../../../../sql/connection/settings.ts";
import { withPooler } from "../../../../sql/connection/url.ts";
import { startNoticeListener } from "../../../../sql/figures/notice_listener.ts";
import { rebuildRollups } from "../../../../sql/figures/rebuild.ts";
import { migrate, MigrationError } from "../../../../sql/migrate.ts";
import { commitBatch } from "../../../../sql/orders/batch.ts";
import { anOrder } from "../../../support/load/orders.ts";
import {
  type TestDatabase,
  type TestSql,
  withDatabase,
} from "../../../support/services/database.ts";
import {
  asWorst,
  isWorst,
  prepareForWorst,
  ROLE,
} from "../../../support/services/roles/worst_role.ts";
import { startPostgres } from "../../../support/services/server_process.ts";
import { until } from "../../../support/services/services.ts";
import { withStandby } from "../../../support/services/standby.ts";

const shared = (url: string) => withPooler(url, "transaction");

/** Lets the worst role wait inside a transaction: BEGIN comes before Weir's own settings. */
async function leaveRoom(sql: TestSql): Promise<void> {
  const [row] = await sql<{ name: string }[]>`select current_database() as name`;
  await prepareForWorst(sql, row!.name);
  for (const name of ["idle_in_transaction_session_timeout", "idle_session_timeout"]) {
    await sql.unsafe(`alter role ${ROLE} in database ${row!.name} set ${name} = '10s'`);
  }
}

function withRoom(test: (database: TestDatabase) => Promise<void>): Promise<void> {
  return withDatabase(async (database) => {
    if (isWorst()) await leaveRoom(database.sql);
    await test(database);
  });
}

/** The URL of a role that has every setting wrong, so that nothing is right by chance. */
function withWorstUrl(
  test: (url: string, database: TestDatabase) => Promise<void>,
): Promise<void> {
  return withDatabase(async (database) => {
    await leaveRoom(database.sql);
    await test(asWorst(database.directUrl), database);
  });
}

Deno.test("each statement has Weir's settings, and leaves none of them behind", () =>
  withWorstUrl(async (url) => {
    const raw = connect(url, { max: 1 });
    const sql = await shareSql(raw, setUpOf({}));
    const before = await raw.unsafe("show all");
    for (const [name, value] of Object.entries(PROMISED)) {
      const [found] = await sql`select current_setting(${name}) as value`;
      assertEquals(found?.["value"], value, name);
    }
    const [more] = await sql`
      select current_setting('search_path') as path, current_setting('transaction_isolation') as level,
             current_setting('transaction_read_only') as reads, ${sql`1 + ${2}::int`} as sum`;
    assertEquals(more, { path: "public, pg_temp", level: "read committed", reads: "off", sum: 3 });
    const [row] = await sql.unsafe("select current_setting('synchronous_commit') as value");
    assertEquals(row?.["value"], "on");
    const left = await raw.unsafe("show all");
    assertEquals([...left], [...before]);
    assertEquals((await raw.unsafe("select from pg_prepared_statements")).length, 0);
    await raw.end();
  }));

Deno.test("a transaction has Weir's settings, and the mode that it asks for", () =>
  withWorstUrl(async (url) => {
    const raw = connect(url, { max: 1 });
    const sql = await shareSql(raw, setUpOf({}, { statement_timeout: "1234" }));
    const settingsIn = (mode: string) =>
      sql.begin(mode, async (tx) => {
        const [row] = await tx<{ level: string; reads: string; timeout: string }[]>`
          select current_setting('transaction_isolation') as level,
                 current_setting('transaction_read_only') as reads,
                 current_setting('statement_timeout') as timeout`;
        return Object.values(row!);
      });
    assertEquals(await settingsIn(""), ["read committed", "off", "1234ms"]);
    assertEquals(await settingsIn("isolation level repeatable read"), [
      "repeatable read",
      "off",
      "1234ms",
    ]);
    assertEquals((await settingsIn("isolation level repeatable read read only"))[1], "on");
    await raw.end();
  }));

Deno.test("a statement that fails leaves the session usable, and its error is the server's own", () =>
  withRoom(async ({ url }) => {
    const session = new Session({ url: shared(url), name: "test", connectTimeoutMs: 5_000 });
    await session.ready;
    assertEquals(session.isShared, true);
    const error = await assertRejects(() => Promise.resolve(session.sql`select 1 / 0`));
    assertEquals(codeOf(error), "22012");
    const rows = await Promise.all([session.sql`select 1 as n`, session.sql`select 2 as n`]);
    assertEquals(rows.map(([row]) => row?.["n"]), [1, 2]);
    await session.end(1_000);
  }));

Deno.test("a batch with a replay is committed once through a shared session", () =>
  withRoom(async ({ url, sql }) => {
    const pool = new Pool({
      url: shared(url),
      name: "test",
      maxConnections: 2,
      statementTimeoutMs: 5_000,
    });
    const [first, second] = [anOrder(), anOrder()];
    const commit = (...orders: typeof first[]) => pool.run((one) => commitBatch(one, orders));
    await commit(first);
    const stored = await commit(first, second);
    assertEquals([...stored.values()].map(({ isNew }) => isNew).sort(), [false, true]);
    assertEquals((await sql`select from orders`).length, 2);
    await pool.end();
  }));

Deno.test("a setting that does not stay in the transaction makes the session unfit", () =>
  withWorstUrl(async (url, { sql }) => {
    const [row] = await sql<{ name: string }[]>`select current_database() as name`;
    await sql.unsafe(
      `alter role ${ROLE} in database ${row!.name} set session_replication_role = replica`,
    );
    const session = new Session({ url: shared(url), name: "test", connectTimeoutMs: 5_000 });
    assertInstanceOf(await assertRejects(() => session.ready), UnfitSession);
    await session.end(1_000);
  }));

Deno.test("a shared session is refused to all that need one of their own, with what to do", () =>
  withRoom(async ({ url, sql }) => {
    const session = new Session({ url: shared(url), name: "test", connectTimeoutMs: 5_000 });
    await session.ready;
    const refused = await assertRejects(() => takeSessionLock(session, 1, 1_000), UnfitSession);
    assert(refused.message.includes("WEIR_DIRECT_DATABASE_URL"), refused.message);
    await session.end(1_000);
    await assertRejects(() => rebuildRollups({ databaseUrl: shared(url) }), UnfitSession);

    assertEquals(await migrate({ databaseUrl: shared(url) }), { applied: [] });
    await sql`delete from weir_migrations where name = '0016_journal_stores.sql'`;
    const pending = await assertRejects(() => migrate({ databaseUrl: shared(url) }));
    assertInstanceOf(pending, MigrationError);
    assert(pending.message.includes("WEIR_DIRECT_DATABASE_URL"), pending.message);
  }));

Deno.test("a listener that meets a shared session says so, and leaves no connection", () =>
  withRoom(async ({ url }) => {
    const heard: string[] = [];
    const listener = startNoticeListener(shared(url), {
      onNotice: () => heard.push("notice"),
      onEcho: () => heard.push("echo"),
      onListening: () => heard.push("listening"),
      onFull: () => heard.push("full"),
      onShared: () => heard.push("shared"),
    });
    await until("the listener to know", () => heard.length > 0);
    await listener.stop();
    assertEquals(heard, ["shared"]);
  }));

Deno.test("a standby behind a pooler answers reads, and calls a write what it is", async () => {
  const primary = await startPostgres();
  try {
    await migrate({ databaseUrl: primary.url });
    await withStandby(primary, async (standby) => {
      const session = new Session({
        url: shared(standby.url),
        name: "test",
        connectTimeoutMs: 5_000,
      });
      await session.ready;
      assertEquals((await session.sql`select 1 as one`)[0]?.["one"], 1);
      const write = session.sql`delete from orders`;
      assertEquals(classify(await assertRejects(() => write)).kind, "read_only");
      await session.end(1_000);
    });
  } finally {
    await primary.dispose();
  }
});

Deno.test("a role that only reads by default writes all the same", () =>
  withWorstUrl(async (url, { sql: admin }) => {
    await admin.unsafe(`grant create on schema public to ${ROLE}`);
    const raw = connect(url, { max: 1 });
    const sql = await shareSql(raw, setUpOf({}));
    await sql`create table written (n int)`; // the worst role has default_transaction_read_only = on
    assertEquals((await sql`select count(*)::int as count from written`)[0]?.["count"], 0);
    await raw.end();
  }));
