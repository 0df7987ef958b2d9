import { assertEquals, assertGreaterOrEqual, assertRejects } from "@std/assert";
import { commitBatch } from "../../sql/orders/batch.ts";
import { migrate, MigrationError, migrationStatus } from "../../sql/migrate.ts";
import { type DisposableDatabase, emptyDatabase } from "../support/services/database.ts";
import { anOrder } from "../support/load/orders.ts";
import { until } from "../support/services/services.ts";

async function withEmptyDatabase(test: (database: DisposableDatabase) => Promise<void>) {
  const database = await emptyDatabase();
  try {
    await test(database);
  } finally {
    await database.drop();
  }
}

Deno.test("migrate() brings an empty database up to date, and leaves a current one unchanged", () =>
  withEmptyDatabase(async ({ url, sql }) => {
    const begunAt = Date.now();
    const before = await migrationStatus({ databaseUrl: url });
    assertEquals(before.every(({ appliedAt }) => appliedAt === null), true);
    const { applied } = await migrate({ databaseUrl: url });
    assertEquals(applied, before.map(({ name }) => name));
    assertEquals((await migrate({ databaseUrl: url })).applied, []);
    const [first] = await sql<{ epoch: string }[]>`select epoch from epochs`;
    assertGreaterOrEqual(Number(first?.epoch), begunAt - 1_000, "numbered by the clock");
    const after = await migrationStatus({ databaseUrl: url });
    assertEquals(after.every(({ appliedAt }) => appliedAt !== null), true);
  }));

Deno.test("exactly one of several migrators that start at once applies each migration", () =>
  withEmptyDatabase(async ({ url }) => {
    const results = await Promise.all(
      Array.from({ length: 5 }, () => migrate({ databaseUrl: url })),
    );
    const applied = results.flatMap((result) => result.applied);
    assertEquals(applied.length, new Set(applied).size);
    assertEquals(applied.length, (await migrationStatus({ databaseUrl: url })).length);
  }));

Deno.test("migrate() refuses a migration that was edited after it ran, and names it", () =>
  withEmptyDatabase(async ({ url, sql }) => {
    await migrate({ databaseUrl: url });
    await sql`update weir_migrations set sha256 = 'other' where name = '0002_journal.sql'`;
    await assertRejects(() => migrate({ databaseUrl: url }), MigrationError, "0002_journal.sql");
  }));

Deno.test("migrate() refuses a schema that is newer than the code", () =>
  withEmptyDatabase(async ({ url, sql }) => {
    await migrate({ databaseUrl: url });
    await sql`insert into weir_migrations values ('9999_later.sql', 'x', now())`;
    await assertRejects(() => migrate({ databaseUrl: url }), MigrationError, "newer");
  }));

Deno.test("a migration that gets no lock steps back, and goes on when the lock is free", () =>
  withEmptyDatabase(async ({ url, sql, session }) => {
    await migrate({ databaseUrl: url });
    // One migration is applied again, and another session uses its table at first.
    await sql`delete from weir_migrations where name = '0005_api_keys.sql'`;
    await sql`drop table api_keys`;
    const holder = session();
    await holder`begin`;
    await holder`create table api_keys ()`; // holds the name until the rollback
    const migrating = migrate({ databaseUrl: url });
    // A migrator without a pause would be idle for far less than 150 ms.
    await until("the migrator to pause after its first attempt", async () => {
      const [migrator] = await sql<{ pauses: boolean }[]>`
        select state = 'idle' and query ilike 'rollback%'
               and clock_timestamp() > state_change + interval '150 milliseconds' as pauses
        from pg_stat_activity
        where application_name = 'weir migrate' and datname = current_database()`;
      return migrator?.pauses === true;
    });
    await holder`rollback`;
    assertEquals((await migrating).applied, ["0005_api_keys.sql"]);
  }));

Deno.test("orders come in while an index on them is built, and a half-built index is built again", () =>
  withEmptyDatabase(async ({ url, sql, session }) => {
    await migrate({ databaseUrl: url });
    await sql`delete from weir_migrations where name = '0011_orders_cancelled.sql'`;
    await sql`drop index orders_cancelled`;
    const isValid = async () => {
      const [index] = await sql<{ valid: boolean }[]>`
        select indisvalid as valid from pg_index
        where indexrelid = to_regclass('orders_cancelled')`;
      return index?.valid ?? null;
    };
    const isDropped = async () => {
      const [migrator] = await sql<{ query: string }[]>`
        select query from pg_stat_activity
        where application_name = 'weir migrate' and datname = current_database()`;
      return migrator?.query.includes("DROP INDEX") === true;
    };
    const holder = session();
    await holder`begin`;
    await commitBatch(holder, [anOrder()]); // the build waits for this transaction
    const migrating = migrate({ databaseUrl: url });
    await until("a build to begin", async () => await isValid() === false);
    assertEquals((await commitBatch(sql, [anOrder()])).size, 1);
    await until("the half-built index to be dropped", isDropped);
    assertEquals(await isValid(), false);
    await holder`rollback`;
    assertEquals((await migrating).applied, ["0011_orders_cancelled.sql"]);
    assertEquals(await isValid(), true);
  }));

Deno.test("a fold under way and the migration of its tables do not wait for each other", () =>
  withEmptyDatabase(async ({ url, sql, session }) => {
    await migrate({ databaseUrl: url });
    await sql`delete from weir_migrations where name = '0016_journal_stores.sql'`;
    await sql`alter table scope_versions drop column stores_as_of`;
    await sql`alter table journal drop column store_id`; // and the index with it
    const fold = session();
    await fold`begin`;
    await fold`select from scope_versions`;
    const migrating = migrate({ databaseUrl: url });
    await until("the migrator to wait for the fold", async () => {
      const waiting = await sql`
        select from pg_stat_activity
        where application_name = 'weir migrate' and datname = current_database()
          and wait_event_type = 'Lock'`;
      return waiting.length > 0;
    });
    await fold`set local lock_timeout = '500ms'`;
    await fold`delete from journal`;
    await fold`commit`;
    assertEquals((await migrating).applied, ["0016_journal_stores.sql"]);
  }));
