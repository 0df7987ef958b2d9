import { assertEquals, assertRejects } from "@std/assert";
import { SCHEMA_FILE, schemaText } from "../support/schema/schema_text.ts";
import { emptyDatabase, withDatabase } from "../support/services/database.ts";

Deno.test("sql/schema.sql is the schema that the migrations make", () =>
  withDatabase(async ({ sql }) => {
    assertEquals(
      await Deno.readTextFile(SCHEMA_FILE),
      await schemaText(sql),
      "write it again: deno run -A tests/support/schema/write.ts",
    );
  }));

Deno.test("sql/schema.sql makes the same schema in an empty database", async () => {
  const { sql, drop } = await emptyDatabase();
  try {
    const text = await Deno.readTextFile(SCHEMA_FILE);
    await sql.unsafe(text).simple();
    assertEquals(await schemaText(sql), text);
  } finally {
    await drop();
  }
});

Deno.test("schemaText() shows every kind of change, or refuses an object that it cannot write", () =>
  withDatabase(async ({ sql }) => {
    const before = (await schemaText(sql)).split("\n");
    const changes: [change: string, shown: string][] = [
      ["alter table orders add constraint paid check (total_minor >= 0)", "paid CHECK"],
      ["alter table api_keys add constraint labels unique (label)", "labels UNIQUE"],
      ["alter table orders alter units set default 0", "DEFAULT 0"],
      ["alter table orders alter units drop not null", "units           bigint"],
      ["create index by_currency on orders (lower(currency))", "lower(currency)"],
      ["alter table orders set (fillfactor = 90)", "fillfactor=90"],
      ["create table more (id bigint)", "lacks [more]"],
      ["drop table weir_migrations", "describes [weir_migrations]"],
      ["create function one() returns integer language sql return 1", "function one"],
      ["create type mood as enum ('good')", "type mood"],
      ["create sequence numbers", "relation numbers"],
      ["comment on table orders is 'text'", "comment on table orders"],
    ];
    for (const [change, shown] of changes) {
      await assertRejects(
        () =>
          sql.begin(async (tx) => {
            await tx.unsafe(change);
            const lines = (await schemaText(tx)).split("\n");
            throw new Error(lines.filter((line) => !before.includes(line)).join("\n"));
          }),
        Error,
        shown,
      );
    }
  }));
