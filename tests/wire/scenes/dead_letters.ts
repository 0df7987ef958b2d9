/** Dead letters: listed, looked at, replayed one by one and many at once, discarded. */
import { refusePoison, takePoison } from "../../support/faults/poison.ts";
import { anOrder, aPoisonOrder, NO_ID } from "../calls.ts";
import { scene } from "../scene.ts";
import { dataOf, type Wire } from "../wire.ts";

export const deadLetters = scene("dead letters", async (wire, { database, createKey }) => {
  const { sql } = database;
  await refusePoison(sql);
  const { token, keyId } = await createKey(["ops"]);
  wire.name(token, "<a key>");
  wire.name(keyId, "<its id>");
  const metadata = { z: "1", a: "2" };
  const [one, two, three] = [
    await letterOf(wire, "one", { metadata }),
    await letterOf(wire, "two", { storeId: "store-2" }),
    await letterOf(wire, "three"),
  ];
  await playLists(wire);
  await wire.query("get", "ops.deadLetters.get", { id: one });
  await wire.query("get, of nothing", "ops.deadLetters.get", { id: NO_ID });
  await wire.query("get, not an id", "ops.deadLetters.get", { id: "x" });
  await playCorrections(wire, one);
  await takePoison(sql);
  await wire.mutate("replay", "ops.deadLetters.replay", { id: two }, { token });
  const good = anOrder("one", { metadata, customerRef: "a customer" });
  await wire.mutate("replay, corrected", "ops.deadLetters.replay", { id: one, payload: good }, {
    token,
  });
  await wire.mutate("discard", "ops.deadLetters.discard", { id: three, reason: "sent twice" }, {
    token,
  });
  await playClosed(wire, [one, three]);
  await wire.mutate("discard, without a reason", "ops.deadLetters.discard", { id: three });
  await wire.mutate("discard, of nothing", "ops.deadLetters.discard", { id: NO_ID, reason: "a" });
  await wire.mutate("replay, of nothing", "ops.deadLetters.replay", { id: NO_ID });
  // Replayed orders with this content are stored already, so the constraint is not validated.
  await sql`
    alter table orders add constraint no_poison check (customer_ref <> 'poison') not valid`;
  await playSettled(wire);
  await playMany(wire, database);
  await playUnreadable(wire, database);
});

type Sql = Parameters<typeof refusePoison>[0];

/** Places an order that is rejected. @returns its letter's id */
async function letterOf(
  wire: Wire,
  key: string,
  parts: Readonly<Record<string, unknown>> = {},
  more = "",
): Promise<string> {
  const { text } = await wire.mutate(
    `a letter: ${key}${more}`,
    "orders.place",
    aPoisonOrder(key, parts),
  );
  const { error } = JSON.parse(text) as { error: { data: { deadLetterId: string } } };
  wire.name(error.data.deadLetterId, `<letter ${key}${more}>`);
  return error.data.deadLetterId;
}

async function playLists(wire: Wire): Promise<void> {
  await wire.query("list", "ops.deadLetters.list", undefined);
  await wire.query("list, of a store", "ops.deadLetters.list", { storeId: "store-2" });
  const page = await wire.query("list, one", "ops.deadLetters.list", { limit: 1 }, {
    fits: (text) => {
      const { nextCursor } = dataOf<{ nextCursor: string }>({ text });
      wire.name(nextCursor, "<cursor>");
      return true;
    },
  });
  const { nextCursor: cursor } = dataOf<{ nextCursor: string }>(page);
  await wire.query("list, the rest", "ops.deadLetters.list", { limit: 2, cursor });
  for (const wrong of [{ limit: 0 }, { state: "x" }, { cursor: "x" }, { x: 1 }]) {
    await wire.query(`list, wrong: ${JSON.stringify(wrong)}`, "ops.deadLetters.list", wrong);
  }
}

/** Replays while the database still refuses the orders. */
async function playCorrections(wire: Wire, id: string): Promise<void> {
  const replay = (name: string, payload?: unknown) =>
    wire.mutate(`replay, ${name}`, "ops.deadLetters.replay", { id, payload });
  await replay("still failing");
  await replay("of another store", anOrder("one", { storeId: "store-2" }));
  await replay("under another key", anOrder("another"));
  await replay("with a wrong payload", anOrder("one", { lines: [] }));
  await wire.query("get, failed twice", "ops.deadLetters.get", { id });
}

async function playClosed(wire: Wire, [replayed, discarded]: [string, string]): Promise<void> {
  for (const [name, id] of [["replayed", replayed], ["discarded", discarded]] as const) {
    await wire.mutate(`replay, ${name} before`, "ops.deadLetters.replay", { id });
    const input = { id, reason: "again" };
    await wire.mutate(`discard, ${name} before`, "ops.deadLetters.discard", input);
    await wire.query(`get, ${name}`, "ops.deadLetters.get", { id });
  }
  for (const state of ["open", "replayed", "discarded"]) {
    await wire.query(`list, ${state}`, "ops.deadLetters.list", { state });
  }
}

async function playSettled(wire: Wire): Promise<void> {
  const id = await letterOf(wire, "settled");
  const good = anOrder("settled", { customerRef: "a customer" });
  await wire.mutate("place, with content that is taken", "orders.place", good);
  await wire.query("get, settled", "ops.deadLetters.get", { id });
  await wire.query("list, settled", "ops.deadLetters.list", { state: "settled" });
}

/** One letter for each outcome, and one that this version cannot read. */
async function playMany(wire: Wire, { sql }: { sql: Sql }): Promise<void> {
  const many = (name: string, input: unknown) =>
    wire.mutate(`replay many, ${name}`, "ops.deadLetters.replayMany", input);
  await many("nothing to do", { limit: 10 });
  const unreadable = await letterOf(wire, "unreadable");
  await sql`update dead_letters set payload = '{}' where letter_id = ${unreadable}`;
  await letterOf(wire, "committed");
  await letterOf(wire, "committed", { currency: "USD" }, ", other content");
  await many("a dry run while refused", { limit: 10, dryRun: true });
  await takePoison(sql);
  const there = await wire.mutate("place, to be parked by hand", "orders.place", anOrder("there"));
  const { orderId } = dataOf<{ orderId: string }>(there);
  const conflict = { ...anOrder("there"), currency: "USD" };
  for (const payload of [anOrder("there"), conflict]) {
    await sql`
      insert into dead_letters (store_id, letter_id, order_id, content_hash, state, reason, code,
                                payload, failures, first_failed_at, last_failed_at)
      values ('store-1', gen_random_uuid(), ${orderId}, sha256(${JSON.stringify(payload)}::bytea),
              'open', 'conflict', 'idempotency_mismatch', ${JSON.stringify(payload)}::text::jsonb,
              1, clock_timestamp(), clock_timestamp())`;
  }
  await many("a dry run", { limit: 10, dryRun: true });
  await many("of a store", { limit: 10, storeId: "store-2" });
  await many("one of each", { limit: 10 });
  for (const wrong of [{}, { limit: 0 }, { limit: 501 }, { limit: 1, dry: true }]) {
    await many(`wrong: ${JSON.stringify(wrong)}`, wrong);
  }
}

/** Replays a letter whose payload is no order any more. */
async function playUnreadable(wire: Wire, { sql }: { sql: Sql }): Promise<void> {
  const [letter] = await sql<{ id: string }[]>`
    select letter_id as id from dead_letters where payload = '{}'`;
  if (letter === undefined) throw new Error("there is no such letter");
  await wire.mutate("replay, unreadable", "ops.deadLetters.replay", { id: letter.id });
}
