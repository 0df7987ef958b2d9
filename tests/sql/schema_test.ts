import { assertEquals, assertRejects } from "@std/assert";
import { emptyDatabase, withDatabase } from "../support/services/database.ts";
import { SCHEMA_PATH, schemaText, WRITE_COMMAND } from "../support/schema/schema.ts";

const FILE = new URL(`../../${SCHEMA_PATH}`, import.meta.url);

Deno.test("sql/schema.sql is the schema that the migrations make", () =>
  withDatabase(async ({ sql }) => {
    const [written, migrated] = [await Deno.readTextFile(FILE), await schemaText(sql)];
    assertEquals(
      written.split("\n"),
      migrated.split("\n"),
      `${SCHEMA_PATH} is out of date; this writes it: ${WRITE_COMMAND}`,
    );
  }));

Deno.test("sql/schema.sql makes the same schema when an empty database runs it", async () => {
  const database = await emptyDatabase();
  try {
    const written = await Deno.readTextFile(FILE);
    await database.sql.unsafe(written).simple();
    assertEquals((await schemaText(database.sql)).split("\n"), written.split("\n"));
  } finally {
    await database.drop();
  }
});

Deno.test("schemaText() refuses a table without a purpose and every object that it cannot print", () =>
  withDatabase(async ({ sql }) => {
    const refuses = (message: string) => assertRejects(() => schemaText(sql), Error, message);
    await sql`create table carts (cart_id bigint)`;
    await refuses("no purpose for carts");
    await sql`alter table carts alter cart_id set not null`;
    await sql`alter table carts alter cart_id add generated always as identity`;
    await refuses("generated column carts.cart_id, relation carts_cart_id_seq of kind Sp");
    await sql`drop table carts`;
    await sql`create type colour as enum ('red')`;
    await refuses("type colour");
    await sql`drop type colour`;
    await sql`create function one() returns int language sql return 1`;
    await refuses("function one");
  }));
