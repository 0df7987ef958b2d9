/** The service and the tasks as a role that has the rights of docs/operating.md and no more. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { connect } from "../../sql/connection/driver.ts";
import { withSchema } from "../../sql/connection/url.ts";
import { migrate, MigrationError, migrationStatus, pendingScript } from "../../sql/migrate.ts";
import { aPoison, refusePoison, rejected, takePoison } from "../support/faults/poison.ts";
import { WireProxy } from "../support/faults/wire_proxy.ts";
import { anInput } from "../support/load/orders.ts";
import { expectExact } from "../support/recount/recount.ts";
import { emptyDatabase, type TestDatabase, withDatabase } from "../support/services/database.ts";
import { SCHEMA_FILE, schemaText } from "../support/schema/schema_text.ts";
import { createTestClient, KEY } from "../support/services/instance.ts";
import { runService, withProcesses } from "../support/services/service_process.ts";
import { testServices, until } from "../support/services/services.ts";
import { runTask as run } from "../support/services/tasks.ts";

/** The statements of the page, by which the owner gives the service's role its rights. */
async function grants(database: string, role: string): Promise<string[]> {
  const page = await Deno.readTextFile(new URL("../../docs/operating.md", import.meta.url));
  const [, block = ""] = /### Roles[^]*?```sql\n([^]*?)```/.exec(page) ?? [];
  return block.split(";\n").filter((statement) => statement.trim() !== "").map((statement) =>
    statement.replaceAll("weir_app", role).replace("DATABASE weir ", `DATABASE ${database} `)
  );
}

interface Role {
  readonly name: string;
  /** The address of the test's database for this role. */
  readonly url: string;
  /** Gives the rights of the page. */
  readonly grant: () => Promise<void>;
}

/** Runs `test` with a new role without any right; nobody else has rights by default either. */
async function withRole(
  { url, sql }: TestDatabase,
  test: (role: Role) => Promise<void>,
): Promise<void> {
  const name = `weir_app_${crypto.randomUUID().slice(0, 8)}`;
  const by = new URL(url);
  const database = by.pathname.slice(1);
  await sql.unsafe(`create role ${name} login password 'secret'`);
  await sql.unsafe(`revoke all on database ${database} from public`);
  await sql.unsafe("revoke all on schema public from public");
  [by.username, by.password] = [name, "secret"];
  const grant = async () => {
    const statements = await grants(database, name);
    assertEquals(statements.length, 5);
    for (const statement of statements) await sql.unsafe(statement);
  };
  try {
    await test({ name, url: by.href, grant });
  } finally {
    await sql.unsafe(`drop owned by ${name}`);
    await sql.unsafe(`drop role ${name}`);
  }
}

Deno.test("a role with the rights of the page takes, cancels, parks, drains, folds and answers", () =>
  withProcesses(async ({ database, start }) => {
    const { sql } = database;
    await withRole(database, async (role) => {
      await role.grant();
      const proxy = WireProxy.to(role.url);
      const service = await start({ DATABASE_URL: proxy.through(role.url) });
      const { api, close } = createTestClient(service.url, KEY);
      try {
        await service.says(/"ready"/);
        const order = anInput();
        const { orderId } = await api.orders.place.mutate(order);
        await api.orders.cancel.mutate({ storeId: order.storeId, orderId });
        await refusePoison(sql);
        const letter = await rejected(api, aPoison());
        await takePoison(sql);
        await api.ops.deadLetters.replay.mutate({ id: letter });

        proxy.cut();
        const spilled = await until("an order to be spilled", async () => {
          const placed = await api.orders.place.mutate(anInput()).catch(() => null);
          return placed?.status === "spilled" ? placed : null;
        });
        await proxy.mend();
        await until("the overflow to be drained", async () => {
          return (await sql`select from orders where order_id = ${spilled.orderId}`).length === 1;
        });
        await until("a fold of all orders", async () => {
          return (await sql`select from journal`).length === 0;
        });
        await expectExact(sql);
      } finally {
        await close();
        await service.stop();
        await proxy.close();
      }
      const [history] = await sql<{ failed: string; all: string }[]>`
        select count(*) filter (where outcome = 'failed' and error = '42501') as failed,
               count(*) as all from fold_runs`;
      assertEquals(history?.failed, "0");
      assert(Number(history?.all) > 0, "the history of folds is written");
    });
  }));

Deno.test("a role with the rights of the page runs every task", () =>
  withDatabase((database) =>
    withRole(database, async (role) => {
      await role.grant();
      const environment = { DATABASE_URL: role.url };
      const tasks: readonly (readonly [string, string, RegExp])[] = [
        ["migrate", "--status", /0001_orders\.sql +\d{4}/],
        ["migrate", "", /up to date/],
        ["keys", "create --label shop", /^weir_/],
        ["keys", "list", /shop/],
        ["dlq", "list", /./],
        ["aggregate", "", /^version \d+/],
        ["aggregate", "--history", /ENDED/],
        ["audit", "", /^checked/],
        ["rebuild", "", /^recounted/],
      ];
      for (const [name, args, said] of tasks) {
        const { code, stdout, stderr } = await run(name, args, environment);
        assertEquals([name, args, code], [name, args, 0], stderr);
        assertMatch(stdout, said, `${name} ${args}`);
      }
      const made = await database.sql`
        select from pg_class where relowner = ${role.name}::regrole`;
      assertEquals(made.length, 0, "nothing was made");
    })
  ));

Deno.test("migrate --grants prints the statements of the page, and quotes every name that needs it", () =>
  withDatabase(async ({ url, sql }) => {
    const database = new URL(url).pathname.slice(1);
    const printed = await run("migrate", "--grants weir_app", { DATABASE_URL: url });
    const statements = printed.stdout.split(";\n").slice(0, -1);
    assertEquals(statements, await grants(database, "weir_app"));
    await sql`drop table weir_migrations`;
    await sql`create schema "Odd ""one"`;
    await sql`create table "Odd ""one".weir_migrations ()`;
    const odd = { DATABASE_URL: `${url}?schema=Odd%20%22one` };
    const { stdout } = await run("migrate", "--grants Shop", odd);
    assertMatch(stdout, /^GRANT USAGE ON SCHEMA "Odd ""one" TO "Shop";$/m);
    await sql`drop table "Odd ""one".weir_migrations`;
    const early = await run("migrate", "--grants shop", odd);
    assertEquals([early.code, early.stdout], [1, ""]);
    assertMatch(early.stderr, /no tables yet: run `deno task migrate` first/);
  }));

/** The statements of a script, as psql finds them: a semicolon between two `$$` ends none. */
function statementsOf(script: string): string[] {
  const hidden = script.split("$$").map((part, index) =>
    index % 2 === 0 ? part : part.replaceAll(";", "\0")
  );
  return hidden.join("$$").split(/;\s*$/m).map((statement) => statement.replaceAll("\0", ";"));
}

Deno.test("the SQL of migrate --print makes what migrate makes, and the next start accepts it", async () => {
  const database = await emptyDatabase();
  const owner = connect(database.url, { max: 1 });
  try {
    const environment = { DATABASE_URL: database.url };
    const { stdout } = await run("migrate", "--print", environment);
    assertEquals(
      await migrationStatus({ databaseUrl: database.url }).then((all) =>
        all.filter(({ appliedAt }) => appliedAt !== null)
      ),
      [],
    );
    for (const statement of statementsOf(stdout)) {
      if (statement.trim() !== "") await owner.unsafe(statement).simple();
    }
    assertEquals(await migrate({ databaseUrl: database.url, apply: false }), { applied: [] });
    assertEquals(await schemaText(owner), await Deno.readTextFile(SCHEMA_FILE));
    const again = await run("migrate", "--print", environment);
    assertEquals(again.stdout, "-- The schema is up to date.\n");
  } finally {
    await owner.end();
    await database.drop();
  }
});

Deno.test("WEIR_MIGRATE=off: a start and a task say what is not applied, and change nothing", async () => {
  const database = await emptyDatabase();
  try {
    const off = { DATABASE_URL: database.url, WEIR_MIGRATE: "off" };
    const ends = [
      await runService({ ...off, REDIS_URL: testServices().redisUrl }),
      await run("keys", "list", off),
      await run("dlq", "list", off),
      await run("rebuild", "", off),
    ];
    for (const { code, stderr } of ends) {
      assertEquals(code, 1);
      assertMatch(
        stderr,
        /0001_\S+ to \S+ are not applied, and WEIR_MIGRATE is off.*deno task migrate/,
      );
    }
    const tables = await database.sql`select from pg_tables where schemaname = 'public'`;
    assertEquals(tables.length, 0);
    assertEquals((await run("migrate", "", off)).code, 0);
    assertEquals((await run("keys", "list", off)).code, 0);
  } finally {
    await database.drop();
  }
});

Deno.test("a right that is missing ends the start, and every task, with one line that names it", () =>
  withDatabase((database) =>
    withRole(database, async (role) => {
      const { sql } = database;
      const given = { DATABASE_URL: role.url, REDIS_URL: testServices().redisUrl };
      const line = async () => {
        const ends = [await runService(given), await run("keys", "list", given)];
        for (const { code, stderr } of ends) {
          assertEquals(code, 1, stderr);
          assertEquals(/a bug|secret|\.ts:/.test(stderr), false, stderr);
        }
        const [ofService, ofTask] = ends.map(({ stderr }) => stderr.trimEnd());
        assertEquals(ofService?.split("\n").at(-1), ofTask, "the last line of both");
        return ofTask ?? "";
      };
      assertMatch(await line(), /permission denied for database .*docs\/operating\.md/);
      const [toConnect = "", toUse = "", toWrite = ""] = await grants(
        new URL(database.url).pathname.slice(1),
        role.name,
      );
      await sql.unsafe(toConnect);
      assertMatch(await line(), /stand in schema public.*GRANT USAGE ON SCHEMA public/);
      await sql.unsafe(toUse);
      assertMatch(await line(), /weir_migrations.*docs\/operating\.md/);
      await sql.unsafe(toWrite);
      await sql`
        delete from weir_migrations where name = (select max(name) from weir_migrations)`;
      assertMatch(await line(), /the migration \d+_\w+\.sql is not applied, .*deno task migrate/);
    })
  ));

Deno.test("a first migration without the right to create ends with the owner's task", async () => {
  const database = await emptyDatabase();
  try {
    await withRole(database, async (role) => {
      const { sql, url } = database;
      const name = new URL(url).pathname.slice(1);
      await sql.unsafe(`grant connect, temporary on database ${name} to ${role.name}`);
      const failure = async () =>
        await migrate({ databaseUrl: role.url }).then(() => null, (error) => error);
      const noSchema = await failure();
      assert(noSchema instanceof MigrationError);
      assertMatch(noSchema.message, /0001_.* may use no schema/);
      await sql.unsafe(`grant usage on schema public to ${role.name}`);
      const mayNot = await failure();
      assert(mayNot instanceof MigrationError);
      assertMatch(
        mayNot.message,
        /the migrations 0001_\S+ to \S+ are not applied.*deno task migrate/,
      );
      await sql.unsafe(`grant create on schema public to ${role.name}`);
      assertEquals(await failure(), null);
    });
  } finally {
    await database.drop();
  }
});

Deno.test("a schema that does not exist is named, and nothing is made or printed for it", async () => {
  const database = await emptyDatabase();
  try {
    const databaseUrl = withSchema(database.url, "Nowhere");
    const wanted = /no schema of search_path "Nowhere".* exists: make it with CREATE SCHEMA/;
    for (const attempt of [migrate, pendingScript]) {
      const failure = await attempt({ databaseUrl }).then(() => null, (error) => error);
      assert(failure instanceof MigrationError);
      assertMatch(failure.message, wanted);
    }
    await database.sql`create schema "Nowhere"`;
    assertMatch(await pendingScript({ databaseUrl }), /SET search_path TO "Nowhere"/);
    await migrate({ databaseUrl });
    const [made] = await database.sql`select to_regclass('"Nowhere".orders') as orders`;
    assertNotEquals(made?.["orders"], null);
  } finally {
    await database.drop();
  }
});

Deno.test("a search path without Weir's tables is named, and no second set of tables is made", () =>
  withDatabase(async ({ url, sql }) => {
    await sql`create schema elsewhere`;
    const other = `${url}?options=-c%20search_path%3Delsewhere`;
    const failure = await migrate({ databaseUrl: other }).then(() => null, (error) => error);
    assert(failure instanceof MigrationError);
    assertMatch(failure.message, /stand in schema public.*search_path elsewhere/);
    const [made] = await sql`select to_regclass('elsewhere.weir_migrations') as record`;
    assertEquals(made?.["record"], null);
  }));
