/** The tasks that work on rollups: aggregate, audit, rebuild. */
import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { withPlainRole } from "../../support/services/roles/plain_role.ts";
import { withDatabase } from "../../support/services/database.ts";
import { withInstance } from "../../support/services/instance.ts";
import { anInput, anOrder } from "../../support/load/orders.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { until } from "../../support/services/services.ts";
import { runTask as run } from "../../support/services/tasks.ts";

Deno.test("aggregate folds, audit finds a wrong rollup, and rebuild corrects it", () =>
  withDatabase(async ({ url, sql }) => {
    const environment = { DATABASE_URL: url };
    await commitBatch(sql, [anOrder(), anOrder(), anOrder({ storeId: "store-2" })]);
    const folded = await run("aggregate", "", environment);
    assertEquals([folded.code, folded.stdout], [
      0,
      "version 1: folded 3 orders of 1 journal rows\n",
    ], folded.stderr);
    const nothing = JSON.parse((await run("aggregate", "--json", environment)).stdout);
    assertEquals([nothing.version, nothing.journalRows, nothing.orders], [1, 0, 0]);

    const right = await run("audit", "", environment);
    assertEquals(right.code, 0, right.stderr);
    assertMatch(right.stdout, /^checked \d+ buckets, and all of them are right$/m);
    await sql`update rollup_days set units = units + 5 where scope = 'store-2'`;
    const wrong = await run("audit", "", environment);
    assertEquals(wrong.code, 1);
    assertMatch(wrong.stdout, /^store-2 +\d{4}-\d\d-\d\d +EUR .*units=2 +.*units=7/m);
    assertMatch(wrong.stderr, /^weir: \d+ of \d+ buckets drifted: run the task rebuild\n$/);
    const listed = JSON.parse((await run("audit", "--json", environment)).stdout);
    assertGreater(listed.drifted.length, 0);

    const rebuilt = await run("rebuild", "", environment);
    assertEquals(rebuilt.code, 0, rebuilt.stderr);
    assertMatch(rebuilt.stdout, /^recounted 3 orders: epoch \d+, version 2$/m);
    await expectExact(sql);
    assertEquals((await run("audit", "", environment)).code, 0);
  }));

Deno.test("aggregate --history lists the folds of the instances, newest first", () =>
  withInstance(async ({ api, instance, database: { sql, url } }) => {
    for (const round of [1, 2]) {
      await api.orders.place.mutate(anInput());
      await until(
        "a fold",
        async () =>
          (await sql`select from scope_versions where scope = '*' and version >= ${round}`).length >
            0,
      );
    }
    const { instanceId } = await api.ops.status.query();
    await instance.stop(); // the stop writes the history of its folds
    const { code, stdout } = await run("aggregate", "--history --json", { DATABASE_URL: url });
    assertEquals(code, 0);
    const runs: { instanceId: string; outcome: string; orders: number; version: number }[] = JSON
      .parse(stdout);
    assertEquals(runs.map((one) => [one.instanceId, one.outcome, one.orders, one.version]), [
      [instanceId, "folded", 1, 2],
      [instanceId, "folded", 1, 1],
    ]);
    const table = await run("aggregate", "--history --limit 1", { DATABASE_URL: url });
    assertMatch(table.stdout, /^ENDED +OUTCOME +MS +LAG MS +ROWS +ORDERS +VERSION +INSTANCE\n/);
    assertEquals(table.stdout.trim().split("\n").length, 2);
  }));

Deno.test("aggregate folds where NOTIFY is refused, and says plainly that the history is missing", () =>
  withDatabase((database) =>
    withPlainRole(database, async (url) => {
      const { sql } = database;
      const environment = { DATABASE_URL: url };
      await commitBatch(sql, [anOrder()]);
      await sql`revoke execute on function pg_notify(text, text) from public`;
      const folded = await run("aggregate", "", environment);
      assertEquals([folded.code, folded.stdout], [
        0,
        "version 1: folded 1 orders of 1 journal rows\n",
      ]);
      assertMatch(
        folded.stderr,
        /^weir: NOTIFY failed, and dashboards show the fold later: .*42501/,
      );
      await sql`revoke all on fold_runs from public`;
      await sql.unsafe(`revoke all on fold_runs from ${new URL(url).username}`);
      const forbidden = await run("aggregate", "--history", environment);
      assertEquals([forbidden.code, forbidden.stdout], [1, ""]);
      const missing = "weir: the history of folds cannot be read, and folds go on without it: ";
      assertMatch(forbidden.stderr, new RegExp(`^${missing}permission denied .*\\(42501\\)\n$`));
      await sql`drop table fold_runs`;
      const gone = await run("aggregate", "--history", environment);
      assertMatch(gone.stderr, new RegExp(`^${missing}relation .* does not exist \\(42P01\\)\n$`));
      assertEquals((await run("aggregate", "", environment)).code, 0);
    })
  ));

Deno.test("rebuild stands where NOTIFY is refused, and says that dashboards follow later", () =>
  withDatabase(async ({ url, sql }) => {
    await commitBatch(sql, [anOrder()]);
    await sql`alter function pg_notify(text, text) rename to pg_notify_away`;
    const rebuilt = await run("rebuild", "", { DATABASE_URL: url });
    assertEquals(rebuilt.code, 0, rebuilt.stderr);
    assertMatch(rebuilt.stdout, /^recounted 1 orders: .*\nNOTIFY failed: dashboards show it at/);
    await expectExact(sql);
  }));
