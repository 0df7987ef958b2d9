/** The answers to callers while the database is slow, and the replay of a dead letter meanwhile. */
import type { InstanceTest } from "../../support/services/instance.ts";
import { refusePoison } from "../../support/faults/poison.ts";
import { until } from "../../support/services/services.ts";
import { anOrder, aPoisonOrder } from "../calls.ts";
import { scene } from "../scene.ts";
import type { Wire } from "../wire.ts";

const MOST_ORDERS = 3;
/** The bytes of an order without its texts. The texts here have less than half of that. */
const ORDER_BYTES = 512;

export const busy = scene("busy", async (wire, instance) => {
  const { sql } = instance.database;
  await refusePoison(sql);
  for (const key of ["one", "two"]) {
    await wire.mutate(`a letter: ${key}`, "orders.place", aPoisonOrder(key));
  }
  await sql`
    update dead_letters set payload = '{}' where order_id = (
      select order_id from dead_letters order by first_failed_at limit 1)`;
  const release = await hold(instance);
  const waiting = ["a", "b", "c"].map((key) => place(instance, key));
  await until(
    "a full mailbox",
    async () =>
      (await instance.api.ops.status.query()).writer.queuedBytes > MOST_ORDERS * ORDER_BYTES,
  );
  await playFull(wire);
  await release();
  await Promise.all(waiting);
  await playDeadline(wire, instance);
}, { environment: { WEIR_QUEUE_MAX_ORDERS: String(MOST_ORDERS) } });

async function playFull(wire: Wire): Promise<void> {
  await wire.mutate("the queue is full", "orders.place", anOrder("full"));
  await wire.mutate("the queue is full, for many", "orders.placeMany", {
    orders: [anOrder("full"), anOrder("full-2")],
  });
  await wire.socket("the queue is full, by WebSocket", async (socket) => {
    const params = { path: "orders.place", input: anOrder("full") };
    await socket.ask({ id: 1, method: "mutation", params });
  });
  await wire.mutate("a replay is stopped", "ops.deadLetters.replayMany", { limit: 10 });
}

async function playDeadline(wire: Wire, instance: InstanceTest): Promise<void> {
  const release = await hold(instance);
  const begun: Promise<unknown>[] = [];
  for (const batches of [1, 2]) {
    begun.push(place(instance, `batch-${batches}`));
    await until(
      "a batch",
      async () => (await instance.api.ops.status.query()).writer.inFlightBatches === batches,
    );
  }
  await wire.mutate("the deadline is over", "orders.place", anOrder("late", { deadlineMs: 100 }));
  await release();
  await Promise.all(begun);
}

/** Holds every order up in the database. @returns the function that lets them go */
async function hold({ database }: InstanceTest): Promise<() => Promise<void>> {
  const session = database.session();
  await session`begin`;
  await session`lock table orders in access exclusive mode`;
  return async () => void await session`rollback`;
}

function place({ api }: InstanceTest, idempotencyKey: string): Promise<unknown> {
  const lines = [{ sku: "tea", quantity: 1, unitPriceMinor: 1 }];
  const order = { storeId: "store-1", idempotencyKey, currency: "EUR", lines };
  return api.orders.place.mutate({ ...order, deadlineMs: 30_000 });
}
