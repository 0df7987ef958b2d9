/** The task dlq, as an operator runs it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { DeadLetter } from "../../../client/mod.ts";
import { commitBatch } from "../../../sql/orders/batch.ts";
import type { PlaceInput } from "../../../client/contract/order.ts";
import { type TestDatabase, type TestSql, withDatabase } from "../../support/services/database.ts";
import { anInput, anOrder } from "../../support/load/orders.ts";
import {
  A_RULE,
  aPoison,
  orderOf,
  parked,
  refusePoison,
  takePoison,
} from "../../support/faults/poison.ts";
import { temporaryFolder } from "../../support/services/services.ts";
import { runTask } from "../../support/services/tasks.ts";

interface Operator {
  readonly sql: TestSql;
  /** Runs the task. @returns its output @throws when it exits with another code than `code` */
  dlq(args: string, code?: number): Promise<{ stdout: string; stderr: string }>;
  /** Runs the task with `--json`. @returns the value that it prints */
  json(args: string): Promise<unknown>;
  show(id: string): Promise<DeadLetter>;
}

function withOperator(test: (operator: Operator) => Promise<void>): Promise<void> {
  return withDatabase(async ({ url, sql }: TestDatabase) => {
    const dlq = async (args: string, code = 0) => {
      const result = await runTask("dlq", args, { DATABASE_URL: url });
      assertEquals(result.code, code, `dlq ${args}: ${result.stdout}${result.stderr}`);
      return result;
    };
    const json = async (args: string) => JSON.parse((await dlq(`${args} --json`)).stdout);
    await test({ sql, dlq, json, show: (id) => json(`show ${id}`) });
  });
}

/** Parks an order as one that the database has refused. @returns the id of its letter */
function park(sql: TestSql, input: PlaceInput): Promise<string> {
  return parked(sql, orderOf(input));
}

Deno.test("dlq prints its help, and wrong usage exits with 2 and one line", async () => {
  assertMatch((await runTask("dlq", "--help")).stdout, /^Usage: deno task dlq /);
  const id = crypto.randomUUID();
  const wrong = [
    "burn",
    "list --state lost",
    "list --limit 0",
    "show 12",
    "replay",
    `replay ${id} --all`,
    `replay ${id} --store store-1`,
    "replay --all --payload order.json",
    "replay --all --limit 501",
    `discard ${id}`,
    `discard ${id} --reason ""`,
  ];
  for (const args of wrong) {
    const { code, stderr } = await runTask("dlq", args);
    assertEquals([args, code, stderr.trim().split("\n").length], [args, 2, 1], stderr);
  }
});

Deno.test("dlq list and show print the letters, newest first, in text and in JSON", () =>
  withOperator(async ({ sql, dlq, json, show }) => {
    const [first, second] = [anInput(), anInput({ storeId: "store-2" })];
    const ids = [await park(sql, first), await park(sql, second)];
    const text = (await dlq("list")).stdout.trim().split("\n");
    assertMatch(text[0] ?? "", /^LETTER +STORE +STATE/);
    assertEquals(text.slice(1).map((line) => line.split(/ +/)[0]), [...ids].reverse());
    const listed = await json("list --store store-1") as DeadLetter[];
    assertEquals(listed.map(({ id }) => id), [ids[0]]);
    assertEquals(await json("list --state discarded"), []);
    assertMatch((await dlq("list --limit 1")).stderr, /there are more letters/);
    assertEquals<unknown>((await show(ids[1]!)).payload, second);
    const shown = (await dlq(`show ${ids[1]}`)).stdout;
    assertMatch(shown, /^state +open$/m);
    assertMatch(shown, /^rule +new row for relation "orders" violates .* "no_poison" \(23514\)$/m);
    assertMatch(text[1] ?? "", / 23514 .* no_poison$/);
    assertEquals((await show(ids[1]!)).rule, A_RULE);
    const { stderr } = await dlq(`show ${crypto.randomUUID()}`, 1);
    assertMatch(stderr, /^weir: there is no dead letter with this id\n$/);
  }));

Deno.test("dlq replay commits as a service does, and records the name and the corrected order", () =>
  withOperator(async ({ sql, dlq, json, show }) => {
    const poison = aPoison();
    const id = await park(sql, poison);
    await refusePoison(sql);
    const dry = [{ id, outcome: "failing", reason: "rejected", rule: A_RULE }];
    assertEquals(await json(`replay ${id} --dry-run`), dry);
    const words = /new row for relation "orders" violates check constraint "no_poison" \(23514\)/;
    assertMatch((await dlq(`replay ${id} --dry-run`)).stdout, words);
    const { stderr } = await dlq(`replay ${id}`, 1);
    assertMatch(stderr, /^weir: the database refused .*\n$/);
    assertMatch(stderr, words);
    const open = await show(id);
    assertEquals([open.state, open.failures], ["open", 2]);

    const folder = await temporaryFolder();
    try {
      const good = { ...poison, customerRef: "a customer" };
      const file = `${folder}/order.json`;
      await Deno.writeTextFile(file, JSON.stringify({ ...good, idempotencyKey: "other" }));
      assertMatch((await dlq(`replay ${id} --payload ${file}`, 1)).stderr, /idempotencyKey/);
      await Deno.writeTextFile(file, "{");
      assertMatch((await dlq(`replay ${id} --payload ${file}`, 1)).stderr, /is not JSON/);
      await Deno.writeTextFile(file, JSON.stringify({ ...good, currency: "EURO" }));
      assertMatch((await dlq(`replay ${id} --payload ${file}`, 1)).stderr, /currency/);
      assertMatch((await dlq(`replay ${id} --payload ${folder}/no`, 1)).stderr, /cannot be read/);
      await Deno.writeTextFile(file, JSON.stringify(good));
      const { stdout } = await dlq(`replay ${id} --payload ${file} --by ada`);
      assertMatch(stdout, /^order \S+ is committed, letter \S+ is replayed\n$/);
      const letter = await show(id);
      assertEquals([letter.state, letter.closedBy], ["replayed", "ada"]);
      assertEquals<unknown>([letter.payload, letter.replayPayload], [poison, good]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    assertMatch((await dlq(`replay ${id}`, 1)).stderr, /closed: replayed by ada/);
    const rows = await sql<{ ref: string }[]>`select customer_ref as ref from orders`;
    assertEquals(rows.map(({ ref }) => ref), ["a customer"]);
    assertEquals((await sql`select from journal`).length, 1);
  }));

Deno.test("dlq replay --all tries each open letter, and --dry-run changes nothing", () =>
  withOperator(async ({ sql, dlq, json }) => {
    const there = anOrder();
    await commitBatch(sql, [there]);
    const ids = [
      await park(sql, aPoison()),
      await park(sql, anInput()),
      await parked(sql, there),
      await park(sql, anInput({ storeId: "store-2" })),
    ];
    await refusePoison(sql);
    const ofStore = [
      { id: ids[0], outcome: "failing", reason: "rejected", rule: A_RULE },
      { id: ids[1], outcome: "committed" },
      { id: ids[2], outcome: "duplicate" },
    ];
    assertEquals(await json("replay --all --store store-1 --dry-run"), ofStore);
    assertEquals((await sql`select from dead_letters where state = 'open'`).length, 4);
    assertEquals((await sql`select from orders`).length, 1);

    const some = await dlq("replay --all --store store-1 --json", 1);
    assertEquals(JSON.parse(some.stdout), ofStore);
    assertMatch(some.stderr, /^weir: 1 of 3 still fail\n$/);
    await takePoison(sql);
    const { stdout } = await dlq("replay --all");
    assertMatch(stdout, /^LETTER +OUTCOME +REASON +RULE\n(\S+ +committed\n){2}$/);
    assertEquals(await json("list"), []);
    assertEquals((await sql`select from orders`).length, 4);
    const [closed] = await json("list --state replayed") as DeadLetter[];
    assert(closed?.closedBy, "the system's user closed it");
  }));

Deno.test("dlq discard closes a letter once, with a reason", () =>
  withOperator(async ({ sql, dlq, show }) => {
    const id = await park(sql, anInput());
    await dlq(`discard ${id} --reason "sent by mistake" --by ada`);
    const letter = await show(id);
    assertEquals([letter.state, letter.closedBy], ["discarded", "ada"]);
    assertEquals(letter.closeNote, "sent by mistake");
    assertMatch((await dlq(`discard ${id} --reason x`, 1)).stderr, /closed: discarded by ada/);
    assertEquals((await sql`select from orders`).length, 0);
  }));

Deno.test("dlq lists, shows and refuses to replay a letter whose payload is no order, in one line", () =>
  withOperator(async ({ sql, dlq }) => {
    const id = await park(sql, anInput());
    await sql`update dead_letters set payload = 'null', rule = null, rule_failed_at = null`;
    assertMatch((await dlq("list")).stdout, new RegExp(`\\n${id} +store-1 +open +23514`));
    assertMatch((await dlq(`show ${id}`)).stdout, /^payload +null$/m);
    const { stderr } = await dlq(`replay ${id}`, 1);
    assertMatch(stderr, /^weir: the letter's payload is not its order: .*a corrected payload\n$/);
    assertMatch(
      (await dlq("list")).stdout,
      / invalid_input +2 .*the letter's payload is not its order/,
    );
    assertMatch((await dlq("replay --all", 1)).stdout, / failing +invalid_input +the letter's/);
  }));

Deno.test("dlq fails in one line when the database is away", async () => {
  const away = { DATABASE_URL: "postgres://weir:secret@127.0.0.1:1/weir" };
  for (const args of ["list", "replay --all", `show ${crypto.randomUUID()}`]) {
    const { code, stderr } = await runTask("dlq", args, away);
    assertMatch(stderr, /ECONNREFUSED/);
    assertEquals([code, stderr.trim().split("\n").length], [1, 1], stderr);
  }
});
