/** Operating the dead letters over the procedures. */
import { assert, assertEquals } from "@std/assert";
import { errorDataOf } from "../../../client/mod.ts";
import { parkOrder } from "../../../sql/orders/dead_letters.ts";
import { KEY, withInstance } from "../../support/services/instance.ts";
import { anInput, anOrder } from "../../support/load/orders.ts";
import {
  aPoison,
  keysStored,
  orderOf,
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
    assertEquals((await expectRefusedOverHttp(url, call, "rejected")).deadLetterId, id);

    const letter = await api.ops.deadLetters.get.query({ id });
    assertEquals([letter.state, letter.reason, letter.code], ["open", "rejected", "23514"]);
    assertEquals([letter.failures, letter.payload, letter.closedAt], [2, poison, null]);
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
    const again = await expectRefused(url, replay(id), "invalid_input");
    assertEquals(again.issues?.map(({ path }) => path), ["id"]);
    await expectRefused(url, discard(id, "too late"), "invalid_input");
    assertEquals(await keysStored(sql), [poison.idempotencyKey]);
    assertEquals((await api.orders.place.mutate(poison)).replayed, true);
  }));

Deno.test("replays at once, with the order's own client among them, place one order", () =>
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
    for (const answer of answers) {
      // A replay that read the letter after it was closed is told so.
      if (answer.status === "rejected") {
        assertEquals(errorDataOf(answer.reason)?.reason, "invalid_input");
      }
    }
    assertEquals(await keysStored(sql), [poison.idempotencyKey]);
    assertEquals((await sql`select from dead_letters`).length, 1);
    const { state } = await api.ops.deadLetters.get.query({ id });
    assert(state === "replayed" || state === "settled");
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
    const id = await parkOrder(sql, other, "conflict", "idempotency_mismatch");
    await expectRefused(url, replay(id), "idempotency_mismatch");
    const open = await api.ops.deadLetters.get.query({ id });
    assertEquals([open.state, open.reason, open.failures], ["open", "conflict", 3]);

    await expectRefused(url, discard(id, ""), "invalid_input");
    await expectRefused(url, discard(id, "a\nb"), "invalid_input");
    const letter = await api.ops.deadLetters.discard.mutate({ id, reason: "sent twice by hand" });
    assertEquals([letter.state, letter.closedBy], ["discarded", "dev"]);
    assertEquals(letter.closeNote, "sent twice by hand");
    await expectRefused(url, discard(id, "again"), "invalid_input");
    await expectRefused(url, replay(id), "invalid_input");
    assertEquals((await keysStored(sql)).length, 1);

    // A replay with the database's own content finds its order there.
    const same = await parkOrder(sql, other, "conflict", "idempotency_mismatch");
    const { order: found } = await api.ops.deadLetters.replay.mutate({ id: same, payload: order });
    assertEquals([found.status, found.replayed], ["committed", true]);
  }));

Deno.test("a key of one store is forbidden the letters of every other, and all of them together", () =>
  withInstance(async ({ url, clientOf, createKey, database: { sql } }) => {
    const { token } = await createKey(["ops"], "store-1");
    const own = await parkOrder(sql, anOrder(), "rejected", "23514");
    const theirs = await parkOrder(sql, anOrder({ storeId: "store-2" }), "rejected", "23514");
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
