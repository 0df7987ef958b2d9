import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { connect } from "../../../sql/connection/driver.ts";
import { Session } from "../../../sql/connection/session.ts";
import { UnfitDatabase, UnfitSession } from "../../../sql/connection/set_up.ts";
import { PROMISED, SETTINGS } from "../../../sql/connection/settings.ts";
import { withDatabase } from "../../support/services/database.ts";
import { testServices, until } from "../../support/services/services.ts";
import {
  asWorst,
  prepareForWorst,
  WORST_SETTINGS,
} from "../../support/services/roles/worst_role.ts";

function sessionOf(url: string): Session {
  return new Session({ url, name: "test", connectTimeoutMs: 5_000 });
}

async function withSession(url: string, use: (session: Session) => Promise<void>): Promise<void> {
  const session = sessionOf(url);
  try {
    await use(session);
  } finally {
    await session.end(1_000);
  }
}

Deno.test("a session has its own settings, whatever the role's are", () =>
  withDatabase(async ({ url, sql }) => {
    const [row] = await sql<{ name: string }[]>`select current_database() as name`;
    await prepareForWorst(sql, row!.name);
    await withSession(asWorst(url), async (session) => {
      await session.ready;
      for (const [name, value] of Object.entries(PROMISED)) {
        const [found] = await session.sql`select current_setting(${name}) as value`;
        assertEquals(found?.["value"], value, name);
      }
      const [path] = await session.sql`select current_setting('search_path') as value`;
      assertEquals(path?.["value"], '"shop", pg_temp');
      const [reply] = await session.sql`
        select '2026-02-05 10:00:00.25Z'::timestamptz as time, array[null]::text[] as nulls,
               current_setting('statement_timeout') as timeout`;
      assertEquals(reply?.["time"], new Date("2026-02-05T10:00:00.250Z"));
      assertEquals(reply?.["nulls"], [null]);
      assertEquals(reply?.["timeout"], "0");
    });
  }));

Deno.test("the worst role differs from a session in each of its settings that a role may change", () => {
  const same = Object.entries(SETTINGS).filter(([name, value]) => WORST_SETTINGS[name] === value);
  assertEquals(same, []);
  const missing = Object.keys(SETTINGS).filter((name) => !(name in WORST_SETTINGS));
  // The locales need files that not every machine has. `row_security` is the server's default.
  assertEquals(missing, ["lc_monetary", "lc_numeric", "lc_time", "row_security"]);
});

Deno.test("a session in which a promised setting does not stay is unfit, and says which", () =>
  withDatabase(async ({ url, sql }) => {
    const [row] = await sql<{ name: string }[]>`select current_database() as name`;
    await prepareForWorst(sql, row!.name);
    await sql.unsafe(
      `alter role weir_worst in database ${row!.name} set session_replication_role = replica`,
    );
    await withSession(asWorst(url), async (session) => {
      const error = await assertRejects(() => session.ready);
      assertInstanceOf(error, UnfitSession);
      assert(error.message.includes("session_replication_role = replica"), error.message);
      assert(!session.isReady);
    });
  }));

Deno.test("a database that cannot hold every text is unfit", async () => {
  const name = `weir_test_latin1_${crypto.randomUUID().slice(0, 8)}`;
  const admin = connect(testServices().databaseUrl, { max: 1 });
  try {
    await admin.unsafe(
      `create database ${name} encoding 'LATIN1' locale_provider libc locale 'C' template template0`,
    );
    const url = new URL(testServices().databaseUrl);
    url.pathname = `/${name}`;
    await withSession(url.href, async (session) => {
      const error = await assertRejects(() => session.ready);
      assertInstanceOf(error, UnfitDatabase);
      assert(error.message.includes("LATIN1"), error.message);
    });
    await admin.unsafe(`drop database ${name} with (force)`);
  } finally {
    await admin.end();
  }
});

Deno.test("a server that is too old is unfit", () =>
  withDatabase(async ({ url, sql }) => {
    const [row] = await sql`select current_setting('server_version_num') as number`;
    const proxy = replacing(url, String(row?.["number"]), "130011");
    await withSession(proxy.url, async (session) => {
      const error = await assertRejects(() => session.ready);
      assertInstanceOf(error, UnfitDatabase);
      assert(error.message.includes("PostgreSQL 13"), error.message);
    });
    await proxy.close();
  }));

Deno.test("a session that the server ended is over: no statement connects it anew", () =>
  withDatabase(async ({ url, sql }) => {
    const session = sessionOf(url);
    await session.ready;
    const [row] = await session.sql`select pg_backend_pid() as pid`;
    await sql`select pg_terminate_backend(${row!["pid"]})`;
    await until("the end to be seen", () => session.isClosed);
    await assertRejects(() => session.sql`select 1`);
    const left = await sql`
      select from pg_stat_activity
      where application_name = 'weir test' and pid <> pg_backend_pid() and state <> 'idle'
        and datname = current_database() and client_port is not null and query like 'select 1'`;
    assertEquals(left.length, 0);
    await session.end(0);
  }));

interface Replacing {
  readonly url: string;
  close(): Promise<void>;
}

/** A proxy that puts `to` wherever the server says `from`, which has the same length. */
function replacing(url: string, from: string, to: string): Replacing {
  const { hostname, port } = new URL(url);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const changed = new URL(url);
  changed.host = `127.0.0.1:${listener.addr.port}`;
  const latin1 = new TextDecoder("latin1");
  const change = (bytes: Uint8Array) =>
    Uint8Array.from(latin1.decode(bytes).replaceAll(from, to), (char) => char.charCodeAt(0));
  const passing = (async () => {
    for await (const near of listener) {
      const far = await Deno.connect({ hostname, port: Number(port) });
      const there = near.readable.pipeTo(far.writable).catch(() => undefined);
      const transform = (bytes: Uint8Array, controller: TransformStreamDefaultController) =>
        controller.enqueue(change(bytes));
      const back = far.readable.pipeThrough(new TransformStream({ transform }))
        .pipeTo(near.writable).catch(() => undefined);
      void Promise.all([there, back]);
    }
  })();
  return {
    url: changed.href,
    close: async () => {
      listener.close();
      await passing;
    },
  };
}
