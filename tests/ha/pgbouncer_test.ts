/**
 * PgBouncer between Weir and PostgreSQL. The role's default is `synchronous_commit = off`: an order that
 * was committed with it could be lost after it was acknowledged. A trigger writes down what held in each
 * transaction that stored an order.
 */
import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import { Session } from "../../sql/connection/session.ts";
import { UnfitSession } from "../../sql/connection/set_up.ts";
import { report, statusOf, withFaults } from "../support/faults/fault_run.ts";
import { startPgBouncer } from "../support/programs/pgbouncer.ts";
import { WireProxy } from "../support/faults/wire_proxy.ts";
import type { TestSql } from "../support/services/database.ts";
import { startPostgres } from "../support/services/server_process.ts";

/** At the end of each transaction that stores an order, its setting is noted. */
async function noteDurability(sql: TestSql): Promise<void> {
  await sql.unsafe(`
    create table committed_with (value text);
    create function note_setting() returns trigger language plpgsql as $$
      begin
        insert into committed_with values (current_setting('synchronous_commit'));
        return null;
      end $$;
    create constraint trigger note_setting after insert on orders
      deferrable initially deferred for each row execute function note_setting();
    alter role weir set synchronous_commit = off;`).simple();
}

for (const mode of ["session", "transaction"] as const) {
  Deno.test(`PgBouncer in ${mode} mode, restarted under load, loses no order and no durability`, () =>
    withFaults(async (run) => {
      const pooler = await startPgBouncer(run.postgres.url, { mode });
      try {
        // Nobody says that the pooler is in transaction mode: the sessions find it out.
        const service = await run.instance({
          DATABASE_URL: pooler.url,
          ...(mode === "session" ? { WEIR_DATABASE_POOLER: mode } : {}),
          // Migrations need a session of their own.
          WEIR_DIRECT_DATABASE_URL: run.postgres.url,
        });
        await run.ask(noteDurability);
        const load = run.load({ urls: () => [service.url] });
        load.start();
        await load.answered(300);
        await pooler.kill();
        await load.answered(200);
        await pooler.start();
        await load.answered(300);
        await run.postgres.kill();
        await load.answered(200);
        await run.postgres.start();
        await load.answered(300);
        await run.verify(load);
        const settings = await run.ask((sql) =>
          sql<{ value: string; count: number }[]>`
            select value, count(*)::int as count from committed_with group by 1`
        );
        assertEquals(settings.map(({ value }) => value), ["on"]);
        assertGreater(settings[0]?.count ?? 0, 500);
        report(`PgBouncer in ${mode} mode`, load.figures);
      } finally {
        await pooler.dispose();
      }
    }));
}

Deno.test("behind a pooler that shares sessions out, the figures of another instance are live by Redis", () =>
  withFaults(async (run) => {
    const direct = await run.instance(); // makes the schema
    const pooler = await startPgBouncer(run.postgres.url, { mode: "transaction" });
    try {
      const pooled = await run.instance({ DATABASE_URL: pooler.url });
      await pooled.says(/there is no LISTEN: the folds of other instances are seen by Redis/);
      const load = run.load({ urls: () => [direct.url, pooled.url] });
      load.start();
      await load.answered(500);
      const { bus, problems } = await statusOf(pooled.url);
      assertEquals(bus.state, "redis");
      assertEquals(problems.map(({ name }) => name), []);
      await run.verify(load);
    } finally {
      await pooler.dispose();
    }
  }));

Deno.test("a session that meets a pooler where none was is unfit, and the next one is shared", async () => {
  const postgres = await startPostgres();
  const pooler = await startPgBouncer(postgres.url, { mode: "transaction" });
  const proxy = WireProxy.to(postgres.url);
  const sessions: Session[] = [];
  const begin = () => {
    const url = proxy.through(postgres.url);
    const session = new Session({ url, name: "test", connectTimeoutMs: 5_000 });
    sessions.push(session);
    return session;
  };
  try {
    const first = begin();
    await first.ready;
    proxy.redirect(pooler.url); // as when a name leads elsewhere
    const second = begin();
    await assertRejects(() => second.ready, UnfitSession);
    const third = begin();
    await third.ready;
    assertEquals([first, second, third].map(({ isShared }) => isShared), [false, false, true]);
    assertEquals(second.hasFailed, true);
  } finally {
    await Promise.all(sessions.map((session) => session.end(1_000)));
    await proxy.close();
    await pooler.dispose();
    await postgres.dispose();
  }
});
