/** The broken rules that are read from the errors of a real PostgreSQL, for an operator's rules. */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { type BrokenRule, ruleInWords } from "../../../client/contract/broken_rule.ts";
import { classify } from "../../../sql/connection/failure.ts";
import { Session } from "../../../sql/connection/session.ts";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { brokenRule } from "../../../sql/orders/broken_rule.ts";
import { type TestSql, withDatabase } from "../../support/services/database.ts";
import { anInput, anOrder } from "../../support/load/orders.ts";
import { A_RULE, orderOf } from "../../support/faults/poison.ts";

const SECRET = "ada-lovelace";
/** Texts that do not get shorter by compression. */
const noise = () =>
  Array.from({ length: 8 }, (_, index) => [
    `n${index}`,
    Array.from({ length: 14 }, () => crypto.randomUUID()).join(""),
  ]);
const poison = () =>
  orderOf(anInput({
    customerRef: SECRET,
    lines: [{ sku: "green-tea", quantity: 77, unitPriceMinor: 4_321 }],
    metadata: { note: "ring-twice", ...Object.fromEntries(noise()) },
  }));
const DATA = [SECRET, "green-tea", "77", "4321", "332717", "ring-twice"];

const trigger = (body: string) => `
  create function hold_against_rule() returns trigger language plpgsql as $$
  begin ${body} return new; end $$;
  create trigger held before insert on orders for each row execute function hold_against_rule()`;

/** Rules of an operator. Each has the statements that make it, and the parts of its broken rule. */
const RULES: Readonly<Record<string, readonly [make: string, known: Partial<BrokenRule>]>> = {
  "a check": [
    `alter table orders add constraint blocked_customers check (customer_ref <> '${SECRET}')`,
    {
      code: "23514",
      table: "orders",
      constraint: "blocked_customers",
      message: 'new row for relation "orders" violates check constraint "blocked_customers"',
    },
  ],
  "a column that must have a value": [
    "alter table orders add column vat_id text not null",
    { code: "23502", table: "orders", column: "vat_id", constraint: null },
  ],
  "a foreign key": [
    `create table customers (name text primary key);
     alter table orders add constraint known_customers
       foreign key (customer_ref) references customers`,
    { code: "23503", table: "orders", constraint: "known_customers" },
  ],
  "a unique index": [
    "create unique index one_order_a_customer on orders (customer_ref)",
    { code: "23505", table: "orders", constraint: "one_order_a_customer" },
  ],
  "an exclusion constraint": [
    "alter table orders add constraint no_two exclude using btree (customer_ref with =)",
    { code: "23P01", table: "orders", constraint: "no_two" },
  ],
  "a domain": [
    `create domain short_ref as text constraint short_enough check (length(value) < 4);
     alter table orders alter column customer_ref type short_ref`,
    { code: "23514", constraint: "short_enough" },
  ],
  "a column made narrower": [
    "alter table orders alter column customer_ref type varchar(3)",
    { code: "22001", message: "value too long for type character varying(3)" },
  ],
  "a generated column": [
    `alter table orders add column ref_number integer
       generated always as (customer_ref::integer) stored`,
    { code: "22P02", message: 'invalid input syntax for type integer: "…"' },
  ],
  "a number that is out of range": [
    "alter table orders add column ten_times numeric(6, 2) generated always as (total_minor) stored",
    { code: "22003", message: "numeric field overflow" },
  ],
  "an enumeration": [
    `create type refs as enum ('a', 'b');
     alter table orders add column ref refs;
     ${trigger("new.ref := new.customer_ref::refs;")}`,
    {
      code: "22P02",
      function: "hold_against_rule",
      message: 'invalid input value for enum refs: "…"',
    },
  ],
  "a RAISE": [
    trigger("raise exception 'customer % is blocked', new.customer_ref;"),
    { code: "P0001", function: "hold_against_rule", message: "customer … is blocked" },
  ],
  "a RAISE that names its constraint": [
    trigger(`raise check_violation using message = 'sold out: ' || (new.lines->0->>'sku'),
               constraint = 'stock', table = 'orders', column = 'lines';`),
    {
      code: "23514",
      table: "orders",
      column: "lines",
      constraint: "stock",
      message: "sold out: …",
    },
  ],
  "a RAISE with a code of its own": [
    trigger("raise exception 'total % of %', new.total_minor, new.lines using errcode = 'SHOP1';"),
    { code: "SHOP1", function: "hold_against_rule" },
  ],
  "an ASSERT": [
    trigger("assert new.units < 10, 'too many: ' || new.units;"),
    { code: "P0004", function: "hold_against_rule", message: "too many: …" },
  ],
  "a strict look-up that finds nothing": [
    `create table customers (name text primary key);
     ${trigger("select name into strict new.customer_ref from customers;")}`,
    { code: "P0002", function: "hold_against_rule" },
  ],
  "a CASE without a branch": [
    trigger("case new.customer_ref when 'a' then null; end case;"),
    { code: "20000", function: "hold_against_rule" },
  ],
  "a look-up that finds two": [
    trigger("new.customer_ref := (select 'a' union all select 'b');"),
    { code: "21000", function: "hold_against_rule" },
  ],
  "an index that the row is too long for": [
    "create index wide on orders ((metadata::text))",
    { code: "54000", table: "orders", constraint: "wide" },
  ],
};

/** Rules that only the second order of a customer breaks. */
const OF_TWO: ReadonlySet<string> = new Set(["a unique index", "an exclusion constraint"]);

/** Commits an order that breaks a rule. @returns the rule */
async function refused(sql: TestSql): Promise<BrokenRule> {
  const order = poison();
  const error = await commitBatch(sql, [order]).then(() => null, (error: unknown) => error);
  assert(error !== null, "the order was stored");
  const failure = classify(error);
  assertEquals([failure.kind, failure.outcome], ["data", "none"], JSON.stringify(error));
  return brokenRule(error, order);
}

for (const [name, [make, known]] of Object.entries(RULES)) {
  Deno.test(`brokenRule() of ${name} has its names and words, and no data of the order`, () =>
    withDatabase(async ({ sql }) => {
      await sql.unsafe(make).simple();
      if (OF_TWO.has(name)) await commitBatch(sql, [anOrder({ customerRef: SECRET })]);
      const rule = await refused(sql);
      for (const [field, value] of Object.entries(known)) {
        assertEquals([field, rule[field as keyof BrokenRule]], [field, value]);
      }
      assert(rule.message.length > 5, rule.message);
      for (const data of DATA) assertFalse(JSON.stringify(rule).includes(data), rule.message);
    }));
}

Deno.test("a policy of row-level security is no order's fault: it makes each statement of Weir fail", () =>
  withDatabase(async ({ sql, url }) => {
    const role = `shop_${crypto.randomUUID().slice(0, 8)}`;
    const [place] = await sql<{ schema: string }[]>`select current_schema() as schema`;
    await sql.unsafe(`
      create role ${role} login password 'x';
      grant usage on schema ${place!.schema} to ${role};
      grant select, insert, update on all tables in schema ${place!.schema} to ${role};
      create policy seen on orders using (true);
      alter table orders enable row level security`).simple();
    const shop = new URL(url);
    shop.username = role;
    shop.password = "x";
    const session = new Session({ url: shop.href, name: "test", connectTimeoutMs: 5_000 });
    try {
      await session.ready;
      const error = await commitBatch(session.sql, [anOrder()]).then(() => null, (error) => error);
      assertEquals([classify(error).kind, classify(error).code], ["infrastructure", "42501"]);
      await sql`alter table orders disable row level security`;
      assertEquals((await commitBatch(session.sql, [anOrder()])).size, 1);
    } finally {
      await session.end(1_000);
      await sql.unsafe(`drop owned by ${role}; drop role ${role}`).simple();
    }
  }));

Deno.test("brokenRule() takes anything that was thrown", () => {
  const order = anOrder();
  for (const thrown of [null, "text", {}, new Error(""), Object.assign(new Error(), { code: 7 })]) {
    const rule = brokenRule(thrown, order);
    assertEquals([rule.code, rule.table, rule.message], ["UNKNOWN", null, "no message"]);
  }
});

Deno.test("ruleInWords() says each name once, with the code at the end", () => {
  const line = 'new row for relation "orders" violates check constraint "no_poison" (23514)';
  assertEquals(ruleInWords(A_RULE), line);
  assertEquals(
    ruleInWords({ ...A_RULE, constraint: "stock", function: "check_stock", message: "sold out" }),
    "stock: sold out (23514, raised by check_stock)",
  );
  assertEquals(
    ruleInWords({ ...A_RULE, constraint: null, column: "note", message: "too long" }),
    "note: too long (23514)",
  );
});
