/** The status, the fold and the audit. One store and one order: audits look in random order. */
import { until } from "../../support/services/services.ts";
import { FOLD_LOCK } from "../../../sql/figures/fold.ts";
import { anOrder } from "../calls.ts";
import { scene } from "../scene.ts";

/** True when no state is about to change and each figure was measured once. */
function isSteady(text: string): boolean {
  return ['"circuit":"closed"', '"state":"idle"', '"state":"redis"', '"state":"ready"']
    .every((part) => text.includes(part)) &&
    !/"(commitMsP50|lastRunMs)":null/.test(text);
}

export const ops = scene("ops", async (wire, { api, database, createKey }) => {
  const { sql } = database;
  await wire.mutate("place", "orders.place", anOrder("one"));
  await until("a fold", async () => (await sql`select from journal`).length === 0);
  await wire.query("status", "ops.status", undefined, { fits: isSteady });
  await wire.query("status, with an input", "ops.status", { any: "thing" }, { fits: isSteady });
  await wire.socket("status, by WebSocket", async (socket) => {
    const params = { path: "ops.onStatus" };
    await socket.ask({ id: 1, method: "subscription", params });
    await socket.await(isSteady);
    socket.send({ id: 1, method: "subscription.stop" });
    await socket.await((text) => text.includes("stopped"));
  });
  await wire.stream("status, by events", "ops.onStatus", undefined, async (events) => {
    await events.next();
    await events.await(isSteady);
  });
  const { token } = await createKey(["ops"], "store-1");
  wire.name(token, "<a key of store-1>");
  await wire.query("status, with a store's key", "ops.status", undefined, {
    token,
    fits: isSteady,
  });

  await wire.mutate("fold, nothing to do", "ops.aggregate", undefined, {
    fits: (text) => text.includes('"journalRows":0'),
  });
  await wire.mutate("fold, with an input", "ops.aggregate", { any: 1 }, {
    fits: (text) => text.includes('"journalRows":0'),
  });
  await wire.mutate("fold, with a store's key", "ops.aggregate", undefined, {
    token,
    fits: (text) => text.includes('"journalRows":0'),
  });
  const holder = database.session();
  await holder`begin`;
  await holder`select pg_advisory_xact_lock(${FOLD_LOCK})`;
  await wire.mutate("fold, locked", "ops.aggregate", undefined, {
    fits: (text) => text.includes('"skipped":"locked"'),
  });
  await holder`rollback`;

  await wire.mutate("audit", "ops.audit", { buckets: 50 });
  await wire.mutate("audit, without an input", "ops.audit", undefined);
  await sql`update rollup_days set orders = orders + 1 where scope = 'store-1'`;
  await wire.mutate("audit, drifted", "ops.audit", { buckets: 50 });
  for (const input of [{ buckets: 0 }, { buckets: 1_001 }, { stores: 1 }]) {
    await wire.mutate(`audit, wrong: ${JSON.stringify(input)}`, "ops.audit", input);
  }
  await sql`update rollup_days set orders = orders - 1 where scope = 'store-1'`;

  const table = database.session();
  await table`begin`;
  await table`lock table rollup_minutes in access exclusive mode`;
  await api.orders.place.mutate(ORDER);
  await until(
    "a fold that waits",
    async () => (await api.ops.status.query()).aggregator.state === "running",
  );
  await wire.mutate("fold, running", "ops.aggregate", undefined, {
    fits: (text) => text.includes('"skipped":"running"'),
  });
  await table`rollback`;
}, { environment: { WEIR_AGGREGATOR_INTERVAL_MS: "60000" } });

const ORDER = {
  storeId: "store-1",
  idempotencyKey: "two",
  currency: "EUR",
  lines: [{ sku: "tea", quantity: 1, unitPriceMinor: 1 }],
};
