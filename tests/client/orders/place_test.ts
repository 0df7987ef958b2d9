/** `orders.place` of the client, against a real instance behind a door that loses and refuses. */
import { assertEquals, assertRejects } from "@std/assert";
import { Token } from "../../../client/api/token.ts";
import { PlaceError, prepareOrder } from "../../../client/mod.ts";
import { place } from "../../../client/orders/place.ts";
import type { Treatment } from "../../support/client/hostile_door.ts";
import { anInput, manyLines } from "../../support/load/orders.ts";
import { until } from "../../support/services/services.ts";
import { withPlacing } from "./stage.ts";

const { idempotencyKey: _, ...ORDER } = anInput();

Deno.test("an order without a key is placed under one that the caller gets", () =>
  withPlacing(async ({ placing, rowsOf }) => {
    const { order, orderId } = prepareOrder(ORDER);
    const placed = await place(placing, order);
    assertEquals([placed.orderId, placed.status, placed.replayed], [orderId, "committed", false]);
    assertEquals(placed.idempotencyKey, order.idempotencyKey);
    assertEquals((await place(placing, order)).replayed, true);
    assertEquals(await rowsOf(orderId), 1);
  }));

Deno.test("an order is tried again after whatever may pass, and stored once", () =>
  withPlacing(async ({ door, placing, rowsOf }) => {
    const hard: Treatment[] = [
      "lost_before",
      "page",
      { reason: "circuit_open", retryAfterMs: 40 },
      "half",
      "lost_after",
      "hang",
      { reason: "internal" },
    ];
    const left = [...hard];
    door.treat = () => left.shift() ?? "pass";
    const placed = await place(placing, ORDER, { deadlineMs: 60_000 });
    assertEquals([placed.status, placed.replayed], ["committed", true]);
    assertEquals([await rowsOf(placed.orderId), door.requests()], [1, hard.length + 1]);
  }));

Deno.test("an order that cannot pass is not tried again", () =>
  withPlacing(async ({ door, placing, rowsOf }) => {
    const wrong = prepareOrder({ ...ORDER, currency: "EURO" });
    const error = await assertRejects(() => place(placing, wrong.order), PlaceError);
    assertEquals([error.reason, error.mayBeStored, door.requests()], ["invalid_input", false, 1]);
    assertEquals(error.issues.map(({ path }) => path), ["currency"]);
    assertEquals(error.order.orderId, wrong.orderId);
    assertEquals(await rowsOf(wrong.orderId), 0);

    const first = prepareOrder(ORDER);
    await place(placing, first.order);
    const other = { ...first.order, customerRef: "another" };
    const taken = await assertRejects(() => place(placing, other), PlaceError);
    assertEquals([taken.reason, taken.mayBeStored], ["idempotency_mismatch", false]);
  }));

Deno.test("the deadline ends the tries, and the error says whether the order may be stored", () =>
  withPlacing(async ({ door, placing }) => {
    door.treat = () => ({ reason: "queue_full", retryAfterMs: 300 });
    const full = await assertRejects(
      () => place(placing, ORDER, { deadlineMs: 2_000 }),
      PlaceError,
    );
    assertEquals([full.reason, full.mayBeStored], ["queue_full", false]);
    const requests = door.requests();
    assertEquals(requests > 1 && requests < 7, true, `${requests} requests`);

    door.treat = () => "hang";
    const silent = await assertRejects(
      () => place(placing, ORDER, { deadlineMs: 900 }),
      PlaceError,
    );
    assertEquals([silent.reason, silent.mayBeStored], ["no_answer", true]);

    // A wait that would pass the deadline is not begun, and no try is made instead of it.
    door.treat = () => ({ reason: "rate_limited", retryAfterMs: 1_200 });
    const before = door.requests();
    const late = await assertRejects(
      () => place(placing, ORDER, { deadlineMs: 2_000 }),
      PlaceError,
    );
    assertEquals([late.reason, door.requests() - before], ["rate_limited", 2]);
  }, { times: 1 }));

Deno.test("a caller's signal and the client's end stop the tries", () =>
  withPlacing(async ({ door, placing, close }) => {
    const begun = () => {
      door.treat = () => "hang";
      const before = door.requests();
      return until("the request", () => door.requests() > before);
    };
    const abort = new AbortController();
    const aborted = assertRejects(
      () => place(placing, ORDER, { signal: abort.signal }),
      PlaceError,
    );
    await begun();
    abort.abort();
    const error = await aborted;
    assertEquals([error.reason, error.mayBeStored], ["aborted", true]);
    const never = await assertRejects(
      () => place(placing, ORDER, { signal: abort.signal }),
      PlaceError,
    );
    assertEquals([never.reason, never.mayBeStored], ["aborted", false]);

    const open = assertRejects(() => place(placing, ORDER), PlaceError);
    await begun();
    close();
    assertEquals((await open).reason, "aborted");
    await assertRejects(() => place(placing, ORDER, { deadlineMs: 0 }), RangeError);
  }));

Deno.test("large orders placed together pass although one request cannot hold them", () =>
  withPlacing(async ({ placing, rowsOf }) => {
    const metadata = Object.fromEntries(
      Array.from({ length: 16 }, (_, index) => [`field-${index}`, "ü".repeat(512)]),
    );
    const orders = Array.from(
      { length: 50 },
      () => prepareOrder({ ...ORDER, lines: manyLines(100), metadata }),
    );
    const placed = await Promise.all(
      orders.map(({ order }) => place(placing, order, { deadlineMs: 300_000 })),
    );
    assertEquals(new Set(placed.map(({ status }) => status)), new Set(["committed"]));
    for (const { orderId } of orders) assertEquals(await rowsOf(orderId), 1);
  }));

Deno.test("an order whose deadline passes does not wait for its neighbours in the request", () =>
  withPlacing(async ({ door, placing }) => {
    door.treat = () => "hang";
    const patient = place(placing, ORDER, { deadlineMs: 1_500 });
    const hasty = place(placing, ORDER, { deadlineMs: 400 });
    const abort = new AbortController();
    const given = place(placing, ORDER, { deadlineMs: 1_500, signal: abort.signal });
    await until("the request", () => door.requests() > 0);
    const error = await assertRejects(() => hasty, PlaceError);
    assertEquals([error.reason, error.mayBeStored], ["no_answer", true]);
    abort.abort();
    assertEquals((await assertRejects(() => given, PlaceError)).reason, "aborted");
    door.treat = () => "pass";
    assertEquals((await patient.catch((error) => error)).reason ?? "committed", "no_answer");
  }, { times: 1 }));

/** The client gives a function 15 s to bring a token. */
const LEAVES_TIMER = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "a token that never comes is waited for no longer than the deadline",
  LEAVES_TIMER,
  () =>
    withPlacing(async ({ door, placing }) => {
      const token = new Token(() => new Promise<never>(() => undefined));
      const stuck = { ...placing, transport: { ...placing.transport, token } };
      const error = await assertRejects(() => place(stuck, ORDER, { deadlineMs: 300 }), PlaceError);
      assertEquals([error.mayBeStored, door.requests()], [false, 0]);
    }, { times: 1 }),
);
