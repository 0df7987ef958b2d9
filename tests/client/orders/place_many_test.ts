/** `orders.placeMany` of the client, against a real instance behind a door that loses and refuses. */
import { assertEquals, assertRejects } from "@std/assert";
import { prepareOrder } from "../../../client/mod.ts";
import { placeMany } from "../../../client/orders/place_many.ts";
import type { Treatment } from "../../support/client/hostile_door.ts";
import { anInput, manyLines } from "../../support/load/orders.ts";
import { withPlacing } from "./stage.ts";

const { idempotencyKey: _, ...ORDER } = anInput();

Deno.test("many orders are split by the contract's limits, and each has its fate", () =>
  withPlacing(async ({ door, placing, database: { sql } }) => {
    const orders = Array.from({ length: 1_203 }, (_, index) => ({
      ...ORDER,
      idempotencyKey: `many-${index}`,
      ...(index === 700 ? { currency: "EURO" } : {}),
    }));
    const fates = await placeMany(placing, orders, { deadlineMs: 300_000 });
    assertEquals(
      fates.map(({ idempotencyKey }) => idempotencyKey),
      orders.map((one) => one.idempotencyKey),
    );
    const states = Map.groupBy(fates, ({ state }) => state);
    assertEquals([states.get("committed")?.length, states.get("refused")?.length], [1_202, 1]);
    const [bad] = states.get("refused") ?? [];
    assertEquals(bad?.state === "refused" && [bad.error.reason, bad.error.issues.length], [
      "invalid_input",
      1,
    ]);
    assertEquals(door.requests(), 3);
    assertEquals((await sql`select from orders`).length, 1_202);
  }, { times: 1 }));

Deno.test("orders too large for one call go in several", () =>
  withPlacing(async ({ door, placing }) => {
    const orders = Array.from({ length: 60 }, () => ({ ...ORDER, lines: manyLines(200) }));
    const fates = await placeMany(placing, orders, { deadlineMs: 600_000 });
    assertEquals(new Set(fates.map(({ state }) => state)), new Set(["committed"]));
    assertEquals(door.requests() > 1, true);
  }));

Deno.test("a call without an answer is made again, with all its orders", () =>
  withPlacing(async ({ door, placing, database: { sql } }) => {
    const hard: Treatment[] = ["lost_after", { reason: "queue_full", retryAfterMs: 50 }, "half"];
    door.treat = () => hard.shift() ?? "pass";
    const fates = await placeMany(placing, Array(40).fill(ORDER), { deadlineMs: 60_000 });
    assertEquals(new Set(fates.map(({ state }) => state)), new Set(["committed"]));
    assertEquals((await sql`select from orders`).length, 40);
    assertEquals(new Set(fates.map(({ orderId }) => orderId)).size, 40);
  }));

Deno.test("an end of the time leaves the truth about each order", () =>
  withPlacing(async ({ door, placing }) => {
    door.treat = () => "hang";
    const silent = await placeMany(placing, [ORDER], { deadlineMs: 800 });
    assertEquals(silent.map(({ state }) => state), ["unknown"]);
    door.treat = () => ({ reason: "circuit_open", retryAfterMs: 90_000 });
    const refused = await placeMany(placing, [ORDER, ORDER], { deadlineMs: 2_000 });
    assertEquals(refused.map((fate) => "error" in fate && [fate.state, fate.error.reason]), [
      ["refused", "circuit_open"],
      ["refused", "circuit_open"],
    ]);
    assertEquals(await placeMany(placing, []), []);
  }));

Deno.test("an order that is no JSON stops the call before anything is sent", () =>
  withPlacing(async ({ door, placing }) => {
    const quantity = 2n as unknown as number;
    const bad = { ...ORDER, lines: [{ sku: "tea", quantity, unitPriceMinor: 1 }] };
    await assertRejects(() => placeMany(placing, [prepareOrder(ORDER).order, bad]), TypeError);
    assertEquals(door.requests(), 0);
  }));
