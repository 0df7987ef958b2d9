/** Problems of a real instance: in `ops.status`, in the metrics, in the log, and their end. */
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import type { ProblemName, StandingProblem } from "../../../client/mod.ts";
import { withLogLines } from "../../support/doubles/log_lines.ts";
import { type TestInstance, withInstance } from "../../support/services/instance.ts";
import { withProxy } from "../../support/services/proxied_instance.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { anInput } from "../../support/load/orders.ts";
import { request } from "../../support/load/raw_calls.ts";
import { until } from "../../support/services/services.ts";

/** Resolves when the problem stands, in the status and in the metric alike. */
async function stands({ api, url }: TestInstance, name: ProblemName): Promise<StandingProblem> {
  const problem = await until(`the problem ${name}`, async () => {
    const { problems } = await api.ops.status.query();
    return problems.find((problem) => problem.name === name);
  }, 40_000);
  assertEquals(await metricOf(url, name), 1);
  return problem;
}

async function ends({ api, url }: TestInstance, name: ProblemName): Promise<void> {
  await until(`the end of ${name}`, async () => {
    const { problems } = await api.ops.status.query();
    return problems.every((problem) => problem.name !== name);
  }, 40_000);
  assertEquals(await metricOf(url, name), 0);
}

async function metricOf(url: string, name: ProblemName): Promise<number> {
  const { text } = await request(`${url}/metrics`);
  const [, value] = new RegExp(`^weir_problem\\{problem="${name}"\\} (\\d)$`, "m").exec(text) ?? [];
  return Number(value);
}

/** Runs `test` with the lines of the problems. */
function withLog(test: (lines: readonly string[]) => Promise<void>): Promise<void> {
  return withLogLines(test, ["weir", "problem"]);
}

Deno.test("folds that fail are said once, and figures are stale until a fold has ended", () =>
  withLog((lines) =>
    withInstance(async (instance) => {
      const { api, database: { sql } } = instance;
      const feed = new LiveFeed(api);
      await feed.reaches(({ stale }) => !stale);
      await sql`create function refuse_folds() returns trigger language plpgsql as
                $$ begin raise exception 'no fold today' using errcode = '58000'; end $$`;
      await sql`create trigger refuse before insert on rollup_minutes
                for each row execute function refuse_folds()`;
      assertEquals((await api.orders.place.mutate(anInput())).status, "committed");
      const failing = await stands(instance, "folds_failing");
      assertEquals(failing.detail, "no fold today (58000)");
      assertGreater(failing.counts["failedFolds"] ?? 0, 1);
      const { aggregator } = await api.ops.status.query();
      assertEquals(aggregator.lastError, "58000");
      assertGreater(aggregator.failuresInARow, 1);
      await feed.reaches(({ stale }) => stale, "a stale frame");
      const old = await stands(instance, "figures_old");
      assertMatch(old.detail, /folds fail here: no fold today/);
      assert((await api.dashboard.snapshot.query({})).stale);

      await sql`drop trigger refuse on rollup_minutes`;
      const fresh = await feed.reaches(
        ({ stale, currencies }) => !stale && currencies[0]?.today.orders === 1,
        "a fresh frame",
      );
      assert(fresh.snapshot.ageMs < 5_000);
      await ends(instance, "folds_failing");
      await ends(instance, "figures_old");
      assertEquals((await api.ops.status.query()).aggregator.failuresInARow, 0);
      const said = lines.filter((line) => /fold|figures/.test(line)).map((line) =>
        line.replace(/ after .*/, "")
      );
      assertEquals(said.map((line) => line.replace(/(?<!^\w+): .*/, "")), [
        "warning: folds fail",
        "warning: the figures stand still",
        "info: folds succeed again,",
        "info: the figures are new again,",
      ]);
      feed.end();
    })
  ));

Deno.test("a database that is away is said at once under orders, and after 5 s without", () =>
  withLog((lines) =>
    withProxy(async (instance, proxy) => {
      const { api } = instance;
      proxy.cut();
      const place = () => api.orders.place.mutate(anInput()).catch(() => undefined);
      await until("the circuit to open", async () => {
        await place();
        return (await api.ops.status.query()).writer.circuit !== "closed";
      });
      const out = await stands(instance, "database_out");
      assertMatch(out.detail, /^.+; orders are refused until it is back$/);
      await place();
      await until("the refusal to be counted", async () => {
        const { problems } = await api.ops.status.query();
        return (problems.find(({ name }) => name === "database_out")?.counts["refusedOrders"] ??
          0) >
          0;
      });
      await proxy.mend();
      await ends(instance, "database_out");

      proxy.cut();
      const idle = await stands(instance, "database_out");
      assertMatch(idle.detail, /orders are refused until it is back$/);
      assertEquals((await api.ops.status.query()).writer.circuit, "closed", "no order asked it");
      await proxy.mend();
      await ends(instance, "database_out");
      assertEquals(
        lines.filter((line) => /the database/.test(line)).map((line) =>
          line.replace(/(?<!^\w+)[:,(].*/, "")
        ),
        [
          "warning: the database is out",
          "info: the database is back",
          "warning: the database is out",
          "info: the database is back",
        ],
      );
    })
  ));

Deno.test("drift stands until an audit finds the same buckets right", () =>
  withLog((lines) =>
    withInstance(async (instance) => {
      const { api, database: { sql } } = instance;
      await api.orders.placeMany.mutate({ orders: [anInput(), anInput({ storeId: "store-2" })] });
      await until("a fold", async () => (await sql`select from journal`).length === 0);
      await api.ops.audit.mutate({ buckets: 50 });
      const { auditor, problems } = await api.ops.status.query();
      assertEquals([auditor.drifted, problems.map(({ name }) => name)], [0, []]);
      assertGreater(auditor.checked, 0);
      await sql`update rollup_days set orders = orders + 1 where scope = 'store-2'`;
      await api.ops.audit.mutate({ buckets: 50 });
      const drift = await stands(instance, "drift");
      assertMatch(drift.detail, /drift in .*store-2 at \d{4}-\d\d-\d\d.*run the task rebuild/);
      assertEquals(
        drift.counts,
        { driftedBuckets: 2 },
        "the store's day, and the sum of all stores",
      );
      await sql`update rollup_days set orders = orders - 1 where scope = 'store-2'`;
      await api.ops.audit.mutate({ buckets: 1 });
      await ends(instance, "drift");
      assertEquals((await api.ops.status.query()).auditor.drifted, 0);
      assertEquals(lines.map((line) => line.replace(/(?<!^\w+)[:,].*/, "")), [
        "error: figures are not what their orders add up to",
        "info: the figures add up again",
      ]);
    })
  ));

Deno.test("an instance without Redis says once that there is no overflow", () =>
  withLog((lines) =>
    withInstance(async (instance) => {
      const absent = await stands(instance, "overflow_absent");
      assertMatch(absent.detail, /REDIS_URL is not set/);
      assertEquals(lines, [
        "warning: there is no overflow: REDIS_URL is not set; while the database is out, every " +
        "order is refused",
      ]);
    }, { redis: false })
  ));

Deno.test("an instance whose overflow is switched off has no problem", () =>
  withLog((lines) =>
    withInstance(async ({ api }) => {
      await until("the bus", async () => (await api.ops.status.query()).bus.state === "redis");
      assertEquals((await api.ops.status.query()).problems, []);
      assertEquals(lines, []);
    }, { environment: { WEIR_SPILL: "off" } })
  ));

Deno.test("dead letters stand as a problem while one is open", () =>
  withInstance(async (instance) => {
    const { api, database: { sql } } = instance;
    await sql`alter table orders add constraint no_tea check (store_id <> 'store-9')`;
    await api.orders.place.mutate(anInput({ storeId: "store-9" })).catch(() => undefined);
    const { counts } = await stands(instance, "dead_letters");
    assertEquals(counts, { openLetters: 1 });
    const [letter] = (await api.ops.deadLetters.list.query({})).letters;
    await api.ops.deadLetters.discard.mutate({ id: letter!.id, reason: "a test" });
    await ends(instance, "dead_letters");
  }));

Deno.test("keys that cannot be looked up stand as a problem, and no other does", () =>
  withInstance(async (instance) => {
    const { database: { sql }, clientOf, createKey, api } = instance;
    const { token } = await createKey(["orders:read"]);
    await sql`alter table api_keys rename to keys_away`;
    const denied = clientOf(token).api;
    const keys = until("the problem keys_unreadable", async () => {
      await denied.orders.list.query({ storeId: "store-1" }).catch(() => undefined);
      const { problems } = await api.ops.status.query();
      return problems.find(({ name }) => name === "keys_unreadable");
    });
    assertMatch((await keys).detail, /api_keys.*\(42P01\)/);
    assertEquals((await api.ops.status.query()).problems.map(({ name }) => name), [
      "keys_unreadable",
    ]);
    await sql`alter table keys_away rename to api_keys`;
    await denied.orders.list.query({ storeId: "store-1" });
  }));
