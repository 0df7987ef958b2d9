/**
 * PgBouncer between Weir and PostgreSQL. The role's default is `synchronous_commit = off`: an order that
 * was committed with it could be lost after it was acknowledged. A trigger writes down what held in each
 * transaction that stored an order.
 */
import { assertEquals, assertGreater } from "@std/assert";
import { report, statusOf, withFaults } from "../support/faults/fault_run.ts";
import { startPgBouncer } from "../support/programs/pgbouncer.ts";
import type { TestSql } from "../support/services/database.ts";

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
