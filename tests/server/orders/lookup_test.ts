import { assertEquals, assertRejects } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { Pool } from "../../../sql/connection/pool.ts";
import { findOrder } from "../../../server/orders/lookup.ts";
import { Refused } from "../../../client/contract/refused.ts";
import { withDatabase } from "../../support/services/database.ts";
import { anOrder } from "../../support/load/orders.ts";

Deno.test("a silent overflow hides no stored order, and makes no other order count as missing", () =>
  withDatabase(async ({ url, sql }) => {
    const pool = new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 5_000 });
    const silent = { find: () => Promise.reject(new Error("Connection is closed.")) };
    const [stored, other] = [anOrder(), anOrder()];
    await commitBatch(sql, [stored]);
    assertEquals((await findOrder(pool, silent, "store-1", stored.orderId))?.status, "committed");
    const error = await assertRejects(
      () => findOrder(pool, silent, "store-1", other.orderId),
      Refused,
    );
    assertEquals((error as Refused).refusal.reason, "unavailable");
    assertEquals(await findOrder(pool, null, "store-1", other.orderId), null);
    await pool.end();
  }));
