/** Statements of a role that may not write the mark for a standby into the server's log. */
import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../../sql/connection/driver.ts";
import { openDatabase } from "../../../sql/connection/database.ts";
import { migrate } from "../../../sql/migrate.ts";
import { commitBatch, readStored } from "../../../sql/orders/batch.ts";
import { cancelOrder } from "../../../sql/orders/cancellation.ts";
import { anOrder } from "../../support/load/orders.ts";
import type { TestSql } from "../../support/services/database.ts";
import { withPlainRole } from "../../support/services/roles/plain_role.ts";
import { startPostgres } from "../../support/services/server_process.ts";
import { until } from "../../support/services/services.ts";

async function refuseMarks(sql: TestSql): Promise<void> {
  const marks = await sql<{ name: string }[]>`
    select oid::regprocedure::text as name from pg_proc where proname = 'pg_logical_emit_message'`;
  for (const { name } of marks) await sql.unsafe(`revoke execute on function ${name} from public`);
}

/** From now on commits wait for a standby of this name; "": for none. */
async function waitForStandby(sql: TestSql, name: string): Promise<void> {
  await sql.unsafe(`alter system set synchronous_standby_names = '${name}'`);
  await sql`select pg_reload_conf()`;
  await until("the setting", async () => {
    const [row] = await sql<{ name: string }[]>`
      select current_setting('synchronous_standby_names') as name`;
    return row?.name === name;
  });
}

Deno.test("a role that may not mark the log stores and reads, and reads nothing that a standby may lack", async () => {
  const postgres = await startPostgres();
  const sql = connect(postgres.url, { max: 1 });
  try {
    await migrate({ databaseUrl: postgres.url });
    await withPlainRole({ sql, directUrl: postgres.url }, async (url) => {
      await refuseMarks(sql);
      const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 2 });
      const commit = (orders: ReturnType<typeof anOrder>[]) =>
        pools.write.run((tx) => commitBatch(tx, orders));
      try {
        const order = anOrder();
        const { orderId } = order;
        assertEquals((await commit([])).size, 0);
        assertEquals((await commit([order])).get(orderId)?.isNew, true);
        assertEquals((await commit([order])).get(orderId)?.isNew, false);
        const cancel = () => pools.cancel.run((tx) => cancelOrder(tx, { ...order, reason: null }));
        assertEquals((await cancel())?.replayed, false);
        assertEquals((await cancel())?.replayed, true);
        await waitForStandby(sql, "nobody");
        try {
          const read = () => pools.read.run((tx) => readStored(tx, [order]));
          await assertRejects(read, Error, "pg_logical_emit_message");
          await assertRejects(cancel, Error, "pg_logical_emit_message");
          await assertRejects(() => commit([]), Error, "pg_logical_emit_message");
        } finally {
          await waitForStandby(sql, "");
        }
        assertEquals((await commit([order])).get(orderId)?.isNew, false);
      } finally {
        await pools.end();
      }
    });
  } finally {
    await sql.end({ timeout: 1 });
    await postgres.dispose();
  }
});
