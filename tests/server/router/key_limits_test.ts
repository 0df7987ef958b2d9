/** Keys for several stores, and keys that may place orders in some currencies alone. */
import { assertEquals } from "@std/assert";
import { SCOPES } from "../../../client/contract/scope.ts";
import {
  aPoison,
  keysStored,
  refusePoison,
  rejected,
  takePoison,
} from "../../support/faults/poison.ts";
import { anInput } from "../../support/load/orders.ts";
import { type Call, expectRefused } from "../../support/load/refusals.ts";
import { withInstance } from "../../support/services/instance.ts";

const mutation = (path: string, token: string) => (input: unknown): Call => ({
  type: "mutation",
  path,
  input,
  token,
});

Deno.test("an order in a currency that the key is not for is forbidden, alone and among others", () =>
  withInstance(async ({ url, clientOf, createKey, database: { sql } }) => {
    const { token } = await createKey(["orders:write"], undefined, ["EUR", "CHF"]);
    const { api } = clientOf(token);
    await expectRefused(
      url,
      mutation("orders.place", token)(anInput({ currency: "USD" })),
      "forbidden",
    );
    const orders = ["EUR", "USD", "CHF"].map((currency) => anInput({ currency }));
    const { results } = await api.orders.placeMany.mutate({ orders });
    assertEquals(
      results.map((result) =>
        result.ok ? result.status : [result.error.reason, result.error.message]
      ),
      ["committed", ["forbidden", "this key is for another currency"], "committed"],
    );
    assertEquals((await sql`select from orders`).length, 2);
  }));

Deno.test("a key for some currencies cancels and reads orders of all of them", () =>
  withInstance(async ({ api, clientOf, createKey }) => {
    const { token } = await createKey(["orders:write", "orders:read"], undefined, ["EUR"]);
    const theirs = anInput({ currency: "USD" });
    const { orderId } = await api.orders.place.mutate(theirs);
    const own = clientOf(token).api;
    const { storeId } = theirs;
    assertEquals((await own.orders.get.query({ storeId, orderId })).currency, "USD");
    assertEquals((await own.orders.cancel.mutate({ storeId, orderId })).orderId, orderId);
  }));

Deno.test("a replay places an order, so it needs the order's currency: the letter's, or the corrected one", () =>
  withInstance(async ({ url, api, clientOf, createKey, database: { sql } }) => {
    await refusePoison(sql);
    const [euros, dollars] = [aPoison({ currency: "EUR" }), aPoison({ currency: "USD" })];
    const [euroLetter, dollarLetter] = [await rejected(api, euros), await rejected(api, dollars)];
    await takePoison(sql);
    const { token } = await createKey(["ops"], undefined, ["EUR"]);
    const replay = mutation("ops.deadLetters.replay", token);
    await expectRefused(url, replay({ id: dollarLetter }), "forbidden");
    const inDollars = { ...euros, currency: "USD" };
    await expectRefused(url, replay({ id: euroLetter, payload: inDollars }), "forbidden");
    const { ops } = clientOf(token).api;
    for (const dryRun of [true, false]) {
      const { results, stoppedBy } = await ops.deadLetters.replayMany.mutate({ limit: 10, dryRun });
      assertEquals([results, stoppedBy], [[
        { id: euroLetter, outcome: "committed" },
        { id: dollarLetter, outcome: "failing", reason: "forbidden" },
      ], null]);
    }
    assertEquals(await keysStored(sql), [euros.idempotencyKey]);
    const corrected = { ...dollars, currency: "EUR" };
    const { order } = await ops.deadLetters.replay.mutate({ id: dollarLetter, payload: corrected });
    assertEquals([order.status, order.currency], ["committed", "EUR"]);
  }));

Deno.test("a key for several stores opens each of them, and no other", () =>
  withInstance(async ({ url, clientOf, createKey }) => {
    const { token } = await createKey(SCOPES, ["north", "south"]);
    const { api } = clientOf(token);
    for (const storeId of ["north", "south"]) {
      const { orderId } = await api.orders.place.mutate(anInput({ storeId }));
      assertEquals((await api.orders.get.query({ storeId, orderId })).storeId, storeId);
      assertEquals((await api.dashboard.snapshot.query({ storeId })).scope, storeId);
    }
    await expectRefused(
      url,
      mutation("orders.place", token)(anInput({ storeId: "east" })),
      "forbidden",
    );
  }));
