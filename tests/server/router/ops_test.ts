/** The procedures for operators: the status, a fold, an audit; and the metrics. */
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import type { OpsStatus } from "../../../client/mod.ts";
import { FOLD_LOCK } from "../../../sql/figures/fold.ts";
import { KEY, type TestInstance, withInstance } from "../../support/services/instance.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { anInput } from "../../support/load/orders.ts";
import { callHttp, request } from "../../support/load/raw_calls.ts";
import { until } from "../../support/services/services.ts";

/** The metrics of docs/contract.md, each with its type. */
const METRICS: readonly (readonly [name: string, type: string])[] = [
  ["weir_orders_total", "counter"],
  ["weir_order_ack_seconds", "histogram"],
  ["weir_writer_batch_orders", "histogram"],
  ["weir_writer_commit_seconds", "histogram"],
  ["weir_writer_queue_orders", "gauge"],
  ["weir_writer_queue_bytes", "gauge"],
  ["weir_circuit_state", "gauge"],
  ["weir_shed_total", "counter"],
  ["weir_aggregator_run_seconds", "histogram"],
  ["weir_aggregator_runs_total", "counter"],
  ["weir_aggregator_lag_seconds", "gauge"],
  ["weir_aggregator_overlaps_total", "counter"],
  ["weir_aggregator_interval_utilization", "gauge"],
  ["weir_dashboard_freshness_seconds", "histogram"],
  ["weir_live_subscribers", "gauge"],
  ["weir_live_skipped_frames_total", "counter"],
  ["weir_bus_state", "gauge"],
  ["weir_spill_orders", "gauge"],
  ["weir_spill_oldest_seconds", "gauge"],
  ["weir_dead_letters_open", "gauge"],
  ["weir_problem", "gauge"],
];

/** The values of all metrics, by name and labels as they stand in the text. */
async function scrape({ url }: TestInstance): Promise<Map<string, number>> {
  const { text } = await request(`${url}/metrics`);
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const [, name = "", value = ""] = /^(.+) (\S+)$/.exec(line) ?? [];
    return [name, Number(value)];
  }));
}

function expectShape({ writer, aggregator, bus, spill, ...status }: OpsStatus): void {
  assertMatch(status.instanceId, /^[0-9a-f-]{36}$/);
  assertMatch(status.startedAt, /^\d{4}-.*Z$/);
  assert(status.version.length > 0);
  assertEquals(Object.keys(writer).sort(), [
    "circuit",
    "commitMsP50",
    "commitMsP99",
    "inFlightBatches",
    "intake",
    "lastError",
    "lastErrorAt",
    "queuedBytes",
    "queuedOrders",
  ]);
  assertEquals(Object.keys(aggregator).sort(), [
    "failuresInARow",
    "intervalMs",
    "lagMs",
    "lastError",
    "lastErrorAt",
    "lastRunAt",
    "lastRunMs",
    "overlaps",
    "state",
  ]);
  assertEquals(Object.keys(spill).sort(), ["oldestAgeMs", "orders", "state"]);
  assert(["redis", "postgres", "down"].includes(bus.state));
  assertEquals(typeof status.deadLetters.open, "number");
  assertEquals(typeof status.live.subscribers, "number");
  assertEquals(Object.keys(status.auditor).sort(), ["checked", "drifted", "lastRunAt"]);
  for (const problem of status.problems) {
    assertEquals(Object.keys(problem).sort(), ["counts", "detail", "name", "since"]);
  }
}

Deno.test("ops.status has each field of the contract, and its figures move", () =>
  withInstance(async ({ api }) => {
    const first = await api.ops.status.query();
    expectShape(first);
    assertEquals([first.writer.circuit, first.writer.intake, first.writer.commitMsP50], [
      "closed",
      "accepting",
      null,
    ]);
    await api.orders.place.mutate(anInput());
    const then = await until("a fold", async () => {
      const status = await api.ops.status.query();
      return status.aggregator.lastRunAt !== null ? status : null;
    });
    expectShape(then);
    assertGreater(then.writer.commitMsP50 ?? 0, 0);
    assertGreater(then.writer.commitMsP99 ?? 0, 0);
    assertEquals(then.instanceId, first.instanceId);
    await until(
      "both ways of the bus",
      async () => (await api.ops.status.query()).bus.state === "redis",
    );
  }));

Deno.test("without Redis the bus is PostgreSQL's alone, and nothing can be spilled", () =>
  withInstance(async ({ api }) => {
    const { spill } = await until("LISTEN", async () => {
      const status = await api.ops.status.query();
      return status.bus.state === "postgres" ? status : null;
    });
    assertEquals(spill, { state: "unavailable", orders: 0, oldestAgeMs: null });
    const feed = new LiveFeed(api);
    await feed.reaches(() => true);
    await api.orders.place.mutate(anInput());
    await feed.reaches(({ currencies }) => currencies[0]?.today.orders === 1);
    feed.end();
  }, { redis: false }));

Deno.test("ops.onStatus tells the status now, and each change of a state", () =>
  withInstance(async ({ api, database }) => {
    const seen: OpsStatus[] = [];
    const subscription = api.ops.onStatus.subscribe(undefined, {
      onData: (status) => seen.push(status),
    });
    await until("the first status", () => seen.length > 0);
    seen.forEach(expectShape);
    const session = database.session();
    await session`begin`;
    await session`select pg_advisory_xact_lock(${FOLD_LOCK})`;
    await api.orders.place.mutate(anInput());
    await until("the standby", () => seen.at(-1)?.aggregator.state === "standby");
    assertGreater(seen.at(-1)?.aggregator.lagMs ?? 0, 0);
    await session`rollback`;
    await until("the rest", () => seen.at(-1)?.aggregator.state === "idle");
    subscription.unsubscribe();
  }));

Deno.test("ops.aggregate folds now, and says when it could not", () =>
  withInstance(async ({ api, database }) => {
    await api.orders.placeMany.mutate({ orders: [anInput(), anInput()] });
    await until("a fold", async () => (await database.sql`select from journal`).length === 0);
    const nothing = await until("a turn", async () => {
      const result = await api.ops.aggregate.mutate();
      return "version" in result ? result : null;
    });
    assertEquals([nothing.journalRows, nothing.orders], [0, 0]);
    assertGreater(nothing.version, 0);

    const lockHolder = database.session();
    await lockHolder`begin`;
    await lockHolder`select pg_advisory_xact_lock(${FOLD_LOCK})`;
    await until("a fold that finds the lock taken", async () => {
      const result = await api.ops.aggregate.mutate();
      return "skipped" in result && result.skipped === "locked";
    });
    await api.orders.place.mutate(anInput());
    await lockHolder`rollback`;

    const tableHolder = database.session();
    await tableHolder`begin`;
    await tableHolder`lock table rollup_minutes in access exclusive mode`;
    await api.orders.place.mutate(anInput());
    await until(
      "a fold that waits",
      async () => (await api.ops.status.query()).aggregator.state.startsWith("running"),
    );
    assertEquals(await api.ops.aggregate.mutate(), { skipped: "running" });
    await tableHolder`rollback`;
    await until(
      "all orders in the figures",
      async () => (await api.dashboard.snapshot.query({})).currencies[0]?.today.orders === 4,
    );
  }, { environment: { WEIR_AGGREGATOR_INTERVAL_MS: "60000" } }));

Deno.test("ops.audit names the bucket that drifted, and the metric counts it", () =>
  withInstance(async (instance) => {
    const { api, url, database: { sql }, createKey } = instance;
    await api.orders.placeMany.mutate({ orders: [anInput(), anInput({ storeId: "store-2" })] });
    await until("a fold", async () => (await sql`select from journal`).length === 0);
    const right = await api.ops.audit.mutate({ buckets: 50 });
    assertGreater(right.checked, 0);
    assertEquals(right.drifted, []);
    await sql`update rollup_days set orders = orders + 1 where scope = 'store-2'`;
    const { drifted } = await api.ops.audit.mutate({ buckets: 50 });
    const [drift] = drifted.filter(({ scope }) => scope === "store-2");
    assertEquals([drift?.currency, drift?.sku], ["EUR", null]);
    assertEquals([drift?.expected["orders"], drift?.found["orders"]], ["1", "2"]);
    assert(drifted.some(({ scope }) => scope === "*"), "nor does it add up for all stores");
    const metrics = await scrape(instance);
    assertEquals(metrics.get("weir_audit_drifted_buckets_total"), drifted.length);
    for (const input of [{ buckets: 0 }, { buckets: 1_001 }, { stores: 1 }]) {
      const { status } = await callHttp(url, "mutation", "ops.audit", input, KEY);
      assertEquals(status, 400);
    }
    const { token } = await createKey(["ops"], "store-1");
    assertEquals((await callHttp(url, "mutation", "ops.audit", {}, token)).status, 403);
  }));

Deno.test("/metrics has the contract's names and types, with help, without a key", () =>
  withInstance(async ({ url }) => {
    const { status, headers, text } = await request(`${url}/metrics`);
    assertEquals(status, 200);
    assertMatch(headers.get("content-type") ?? "", /^text\/plain/);
    for (const [name, type] of METRICS) {
      assertMatch(text, new RegExp(`^# HELP ${name} .+\\n# TYPE ${name} ${type}$`, "m"));
    }
  }));

Deno.test("the metrics move with the events that they count", () =>
  withInstance(async (instance) => {
    const { api, url } = instance;
    const feed = new LiveFeed(api);
    await feed.reaches(() => true);
    await until("Redis", async () => (await api.ops.status.query()).bus.state === "redis");
    const order = anInput();
    await api.orders.place.mutate(order);
    await api.orders.place.mutate(order);
    await callHttp(url, "mutation", "orders.place", { ...order, currency: "USD" }, KEY);
    await feed.reaches(({ currencies }) => currencies[0]?.today.orders === 1);
    const metrics = await scrape(instance);
    const exactly: Readonly<Record<string, number>> = {
      'weir_orders_total{outcome="committed"}': 1,
      'weir_orders_total{outcome="replayed"}': 1,
      'weir_orders_total{outcome="idempotency_mismatch"}': 1,
      "weir_order_ack_seconds_count": 3,
      "weir_writer_batch_orders_count": 3,
      "weir_writer_batch_orders_sum": 3,
      "weir_writer_commit_seconds_count": 3,
      "weir_writer_queue_orders": 0,
      "weir_writer_queue_bytes": 0,
      'weir_circuit_state{state="closed"}': 1,
      'weir_circuit_state{state="open"}': 0,
      'weir_circuit_state{state="half_open"}': 0,
      'weir_bus_state{state="redis"}': 1,
      "weir_live_subscribers": 1,
      "weir_live_skipped_frames_total": 0,
      "weir_dashboard_freshness_seconds_count": 1,
      "weir_spill_orders": 0,
      "weir_dead_letters_open": 0,
    };
    for (const [name, value] of Object.entries(exactly)) {
      assertEquals(metrics.get(name), value, name);
    }
    assertGreater(metrics.get("weir_aggregator_run_seconds_count") ?? 0, 0);
    assertGreater(metrics.get('weir_aggregator_runs_total{outcome="folded"}') ?? 0, 0);
    assert((metrics.get("weir_dashboard_freshness_seconds_sum") ?? 99) < 5);
    feed.end();
  }));
