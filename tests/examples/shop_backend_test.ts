/** The shop's backend of examples/, against a real instance. */
import { assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { createShop } from "../../examples/shop_backend.ts";
import {
  createTestClient,
  type InstanceTest,
  KEY,
  withInstance,
} from "../support/services/instance.ts";
import { until } from "../support/services/services.ts";
import { holdTables } from "../support/faults/held_tables.ts";
import { WireProxy } from "../support/faults/wire_proxy.ts";

const CART = { cartId: "cart-1", items: [{ sku: "tea", quantity: 2 }] };

/** Posts a cart to a shop whose orders go to the Weir at `url`. */
async function checkout(
  { url }: { url: string },
  cart: unknown,
  { deadlineMs = 10_000, token = KEY }: { deadlineMs?: number; token?: string } = {},
) {
  const weir = createTestClient(url, token);
  const shop = createShop({ weir, storeId: "berlin", deadlineMs });
  const body = JSON.stringify(cart);
  const response = await shop(new Request("http://shop/checkout", { method: "POST", body }));
  const retryAfter = response.headers.get("retry-after");
  await weir.close();
  return { status: response.status, retryAfter, ...await response.json() };
}

async function storedOrders({ database }: InstanceTest): Promise<number> {
  return (await database.sql`select from orders`).length;
}

/** Orders that the instance refused because its circuit was open. */
async function shedOrders({ url }: { url: string }): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^weir_shed_total\{reason="circuit_open"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

Deno.test("shop: a cart is confirmed, and stays one order when it is sent again", () =>
  withInstance(async (instance) => {
    const first = await checkout(instance, CART);
    const again = await checkout(instance, CART);
    assertEquals([first.status, first.state], [200, "confirmed"]);
    assertEquals(again, first);
    const [order] = await instance.database.sql`select store_id, total_minor from orders`;
    assertEquals(order, { store_id: "berlin", total_minor: "900" });
    assertEquals(await storedOrders(instance), 1);
  }));

Deno.test("shop: a cart that cannot be taken is refused and not tried again", () =>
  withInstance(async (instance) => {
    await checkout(instance, CART);
    const changed = { ...CART, items: [{ sku: "teapot", quantity: 1 }] };
    const refused = [
      await checkout(instance, changed),
      await checkout(instance, { cartId: "cart-2", items: [{ sku: "boat", quantity: 1 }] }),
      await checkout(instance, { cartId: "cart-3", items: [{ sku: "tea", quantity: 2_000_000 }] }),
      await checkout(instance, "no cart"),
      await checkout(instance, CART, { token: "wrong" }),
    ];
    assertEquals(refused.map(({ status, reason }) => [status, reason]), [
      [409, "idempotency_mismatch"],
      [422, "not everything in the cart is for sale"],
      [422, "invalid_input"],
      [422, "this is no cart"],
      [500, "unauthenticated"],
    ]);
    assertEquals(await storedOrders(instance), 1);
  }));

Deno.test("shop: while the database fails a cart waits for it, or is refused in time", () =>
  withInstance(async (instance) => {
    await checkout(instance, CART);
    const { sql } = instance.database;
    // Without its table the database fails at once, so no order's outcome is ever unknown.
    await sql`alter table orders rename to orders_away`;
    const begunAt = performance.now();
    const refused = await checkout(instance, { ...CART, cartId: "cart-2" }, { deadlineMs: 5_000 });
    assertLess(performance.now() - begunAt, 5_500);
    assertEquals([refused.status, refused.state], [503, "refused"], JSON.stringify(refused));
    assertGreaterOrEqual(Number(refused.retryAfter), 1);

    const before = await shedOrders(instance);
    const waiting = checkout(instance, { ...CART, cartId: "cart-3" }, { deadlineMs: 20_000 });
    await until("a try to be refused", async () => await shedOrders(instance) > before);
    await sql`alter table orders_away rename to orders`;
    assertEquals((await waiting).state, "confirmed");
    assertEquals(await storedOrders(instance), 2);
  }, { environment: { WEIR_SPILL: "off" } }));

Deno.test("shop: an order that only the overflow has is accepted", () =>
  withInstance(async (instance) => {
    const held = await holdTables(instance.database, ["orders"]);
    const { status, state } = await checkout(instance, CART);
    assertEquals([status, state], [202, "accepted"]);
    await held.release();
    await until("the order to be drained", async () => await storedOrders(instance) === 1);
    assertEquals((await checkout(instance, CART)).state, "confirmed");
  }, { environment: { WEIR_STATEMENT_TIMEOUT_MS: "500" } }));

Deno.test("shop: a cart without an answer is unknown, and becomes one order in the end", () =>
  withInstance(async (instance) => {
    const proxy = WireProxy.to(instance.url);
    try {
      const away = { url: proxy.through(instance.url) };
      proxy.replies = "held";
      assertEquals((await checkout(away, CART, { deadlineMs: 1_500 })).status, 504);
      assertEquals(await storedOrders(instance), 1, "the answer was lost, not the order");
      proxy.dropConnections();
      proxy.open();
      assertEquals((await checkout(away, CART)).state, "confirmed");
      assertEquals(await storedOrders(instance), 1);
    } finally {
      await proxy.close();
    }
  }));

Deno.test("shop: a refusal after a lost answer does not make the cart refused", () =>
  withInstance(async (instance) => {
    const refusing = await instance.another({ WEIR_DEV_KEY: "another-key" });
    const network = WireProxy.to(instance.url);
    try {
      const away = { url: network.through(instance.url) };
      network.replies = "held";
      const unknown = checkout(away, CART);
      await until("the order to be stored", async () => await storedOrders(instance) === 1);
      network.redirect(refusing.url);
      network.dropConnections();
      network.open();
      assertEquals((await unknown).status, 504);
      network.redirect(instance.url);
      network.dropConnections();
      assertEquals((await checkout(away, CART)).state, "confirmed");
      assertEquals(await storedOrders(instance), 1);
    } finally {
      await network.close();
    }
  }));
