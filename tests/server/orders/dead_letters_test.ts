/** Operating the dead letters over the procedures. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { errorDataOf } from "../../../client/mod.ts";
import { KEY, withInstance } from "../../support/services/instance.ts";
import { anInput, anOrder } from "../../support/load/orders.ts";
import {
  A_RULE,
  aPoison,
  keysStored,
  orderOf,
  parked,
  refusePoison,
  rejected,
  takePoison,
} from "../../support/faults/poison.ts";
import { type Call, expectRefused, expectRefusedOverHttp } from "../../support/load/refusals.ts";

const replay = (id: string, payload?: unknown, token = KEY): Call => ({
  type: "mutation",
  path: "ops.deadLetters.replay",
  input: payload === undefined ? { id } : { id, payload },
  token,
});

const discard = (id: string, reason: string, token = KEY): Call => ({
  type: "mutation",
  path: "ops.deadLetters.discard",
  input: { id, reason },
  token,
});

Deno.test("a poison order is rejected with its letter, alone, and sent again it has the same letter", () =>
  withInstance(async (instance) => {
    const { url, api, database: { sql } } = instance;
    await refusePoison(sql);
    const poison = aPoison();
    const { results } = await api.orders.placeMany.mutate({
      orders: [anInput(), poison, anInput(), aPoison(), anInput()],
    });
    assertEquals(results.map(({ ok }) => ok), [true, false, true, false, true]);
    const first = results[1];
    assert(first !== undefined && !first.ok && first.error.deadLetterId !== undefined);
    const id = first.error.deadLetterId;
    const call: Call = { type: "mutation", path: "orders.place", input: poison, token: KEY };
    const data = await expectRefused(url, call, "rejected");
    assertEquals([data.deadLetterId, data.rule], [id, A_RULE]);

    assertEquals(first.error.rule, A_RULE);
    assertMatch(first.error.message, /violates check constraint "no_poison" \(23514\)/);

    const letter = await api.ops.deadLetters.get.query({ id });
    assertEquals([letter.state, letter.reason, letter.code], ["open", "rejected", "23514"]);
    assertEquals(letter.rule, A_RULE);
    assertEquals([letter.failures, letter.payload, letter.closedAt], [3, poison, null]);
    assertEquals(letter.orderId, orderOf(poison).orderId);
    const { letters, nextCursor } = await api.ops.deadLetters.list.query({});
    assertEquals([letters.length, letters[0], nextCursor], [2, letter, null]);
    assertEquals((await keysStored(sql)).length, 3);
  }));

Deno.test("an order placed again under its key with accepted content settles its letter", () =>
  withInstance(async ({ api, database: { sql } }) => {
    await refusePoison(sql);
    const poison = aPoison();
    const id = await rejected(api, poison);
    const good = { ...poison, customerRef: "a customer" };
    assertEquals((await api.orders.place.mutate(good)).status, "committed");
    const letter = await api.ops.deadLetters.get.query({ id });
    assertEquals([letter.state, letter.closedBy, letter.payload], ["settled", "intake", poison]);
    assertEquals((await api.ops.deadLetters.list.query()).letters, []);
    const settled = await api.ops.deadLetters.list.query({ state: "settled" });
    assertEquals(settled.letters, [letter]);
  }));

Deno.test("a replay commits once its cause is gone, says who, and is refused when the letter is closed", () =>
  withInstance(async (instance) => {
    const { url, clientOf, createKey, api, database: { sql } } = instance;
    await refusePoison(sql);
    const poison = aPoison({ metadata: { z: "1", a: "2" } });
    const id = await rejected(api, poison);
    const failing = await expectRefusedOverHttp(url, replay(id), "rejected");
    assertEquals(failing.deadLetterId, id);
    const open = await api.ops.deadLetters.get.query({ id });
    assertEquals([open.state, open.failures], ["open", 2]);
    assertEquals(await keysStored(sql), []);

    await takePoison(sql);
    const { keyId, token } = await createKey(["ops"]);
    const { order, letter } = await clientOf(token).api.ops.deadLetters.replay.mutate({ id });
    assertEquals([order.status, order.replayed], ["committed", false]);
    assertEquals([letter.state, letter.closedBy], ["replayed", keyId]);
    assertEquals([letter.payload, letter.replayPayload], [poison, null]);
    assertEquals(letter, await api.ops.deadLetters.get.query({ id }));
    await expectRefused(url, replay(id), "letter_closed");
    await expectRefused(url, discard(id, "too late"), "letter_closed");
    const told = await api.ops.deadLetters.replay.mutate({ id }).then(() => "", String);
    assertMatch(told, new RegExp(`closed: replayed by ${keyId} at ${letter.closedAt}$`));
    assertEquals(await keysStored(sql), [poison.idempotencyKey]);
    assertEquals((await api.orders.place.mutate(poison)).replayed, true);
  }));

Deno.test("replays at once, with the order's own client among them, place one order and close one letter once", () =>
  withInstance(async (instance) => {
    const { api, another, database: { sql } } = instance;
    await refusePoison(sql);
    const poison = aPoison();
    const id = await rejected(api, poison);
    await takePoison(sql);
    const other = await another();
    const answers = await Promise.allSettled([
      ...Array.from({ length: 5 }, () => api.ops.deadLetters.replay.mutate({ id })),
      ...Array.from({ length: 5 }, () => other.api.ops.deadLetters.replay.mutate({ id })),
      api.orders.place.mutate(poison),
    ]);
    const [placed, replays] = [answers.at(-1), answers.slice(0, -1)];
    assert(placed?.status === "fulfilled");
    const closers = replays.filter(({ status }) => status === "fulfilled");
    for (const answer of replays) {
      if (answer.status === "fulfilled") continue;
      assertEquals(errorDataOf(answer.reason)?.reason, "letter_closed");
    }
    assertEquals(await keysStored(sql), [poison.idempotencyKey]);
    assertEquals((await sql`select from dead_letters`).length, 1);
    const { state } = await api.ops.deadLetters.get.query({ id });
    // The order's own client closes the letter by its commit, or one of the operators does.
    assertEquals([state, closers.length], closers.length === 1 ? ["replayed", 1] : ["settled", 0]);
  }));

Deno.test("a corrected replay keeps the original beside what was placed, under the same key", () =>
  withInstance(async (instance) => {
    const { url, api, database: { sql } } = instance;
    await refusePoison(sql);
    const poison = aPoison();
    const id = await rejected(api, poison);
    const good = { ...poison, customerRef: "a customer" };
    const wrong: readonly [unknown, string][] = [
      [{ ...good, storeId: "store-2" }, "payload.storeId"],
      [{ ...good, idempotencyKey: "another" }, "payload.idempotencyKey"],
      [{ ...good, currency: "EURO" }, "payload.currency"],
      [
        { ...good, lines: [{ sku: "a", quantity: 0, unitPriceMinor: 1 }] },
        "payload.lines.0.quantity",
      ],
    ];
    for (const [payload, path] of wrong) {
      const { issues } = await expectRefused(url, replay(id, payload), "invalid_input");
      assertEquals(issues?.map((issue) => issue.path), [path]);
    }
    const still = { ...poison, currency: "USD" };
    const { deadLetterId } = await expectRefusedOverHttp(url, replay(id, still), "rejected");
    assert(deadLetterId !== undefined && deadLetterId !== id);
    assertEquals(await keysStored(sql), []);

    const { order, letter } = await api.ops.deadLetters.replay.mutate({ id, payload: good });
    assertEquals([letter.state, letter.payload], ["replayed", poison]);
    assertEquals<unknown>(letter.replayPayload, good);
    assertEquals(order.orderId, letter.orderId);
    assertEquals(
      (await api.orders.get.query({ storeId: letter.storeId, orderId: letter.orderId }))
        .customerRef,
      "a customer",
    );
    assertEquals((await api.ops.deadLetters.get.query({ id: deadLetterId })).state, "settled");
  }));

Deno.test("a conflict stays open after any replay, until an operator discards it and says why", () =>
  withInstance(async (instance) => {
    const { url, api, database: { sql } } = instance;
    const order = anInput();
    await api.orders.place.mutate(order);
    const other = orderOf({ ...order, currency: "USD" });
    const id = await parked(sql, other, "conflict");
    await expectRefused(url, replay(id), "idempotency_mismatch");
    const open = await api.ops.deadLetters.get.query({ id });
    assertEquals([open.state, open.reason, open.failures], ["open", "conflict", 3]);
    assertEquals(open.rule?.message, "the order that is stored under this key has other currency");

    await expectRefused(url, discard(id, ""), "invalid_input");
    await expectRefused(url, discard(id, "a\nb"), "invalid_input");
    const letter = await api.ops.deadLetters.discard.mutate({ id, reason: "sent twice by hand" });
    assertEquals([letter.state, letter.closedBy], ["discarded", "dev"]);
    assertEquals(letter.closeNote, "sent twice by hand");
    await expectRefused(url, discard(id, "again"), "letter_closed");
    await expectRefused(url, replay(id), "letter_closed");
    const told = await api.ops.deadLetters.discard.mutate({ id, reason: "a" }).then(
      () => "",
      String,
    );
    assertMatch(told, /closed: discarded by dev at \S+Z \(sent twice by hand\)$/);
    assertEquals((await keysStored(sql)).length, 1);

    // A replay with the database's own content finds its order there.
    const same = await parked(sql, other, "conflict");
    const { order: found } = await api.ops.deadLetters.replay.mutate({ id: same, payload: order });
    assertEquals([found.status, found.replayed], ["committed", true]);
  }));

Deno.test("a key of one store is forbidden the letters of every other, and all of them together", () =>
  withInstance(async ({ url, clientOf, createKey, database: { sql } }) => {
    const { token } = await createKey(["ops"], "store-1");
    const own = await parked(sql, anOrder());
    const theirs = await parked(sql, anOrder({ storeId: "store-2" }));
    const of = (path: string, type: Call["type"], input: unknown): Call => ({
      type,
      path: `ops.deadLetters.${path}`,
      input,
      token,
    });
    const forbidden = [
      of("list", "query", undefined),
      of("list", "query", { storeId: "store-2" }),
      of("get", "query", { id: theirs }),
      replay(theirs, undefined, token),
      of("replayMany", "mutation", { limit: 1 }),
      of("replayMany", "mutation", { limit: 1, storeId: "store-2", dryRun: true }),
      discard(theirs, "mine", token),
    ];
    for (const call of forbidden) await expectRefused(url, call, "forbidden");
    await expectRefused(url, of("get", "query", { id: crypto.randomUUID() }), "not_found");
    const { api } = clientOf(token);
    const { letters } = await api.ops.deadLetters.list.query({ storeId: "store-1" });
    assertEquals(letters.map(({ id }) => id), [own]);
    assertEquals((await api.ops.deadLetters.replay.mutate({ id: own })).letter.state, "replayed");
    const rows = await sql`select from dead_letters where letter_id = ${theirs} and state = 'open'`;
    assertEquals(rows.length, 1);
    const writer = await createKey(["orders:write", "orders:read", "dashboard:read"]);
    for (const call of forbidden) {
      await expectRefusedOverHttp(url, { ...call, token: writer.token }, "forbidden");
    }
  }));
