import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import { openDatabase } from "../../../sql/connection/database.ts";
import { foldJournal } from "../../../sql/figures/fold.ts";
import { checkIdentity } from "../../../sql/figures/identity.ts";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { anOrder } from "../../support/load/orders.ts";
import { withDatabase } from "../../support/services/database.ts";
import { withPlainRole } from "../../support/services/roles/plain_role.ts";

Deno.test("a fold with the weak identity needs no right to ask for the cluster, and keeps the epoch", () =>
  withDatabase((database) =>
    withPlainRole(database, async (url) => {
      const { sql } = database;
      await sql`revoke execute on function pg_control_system() from public`;
      const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 2 });
      try {
        await commitBatch(sql, [anOrder()]);
        await assertRejects(() => foldJournal(pools.fold), Error, "pg_control_system");
        await assertRejects(() => checkIdentity(pools.read), Error, "pg_control_system");
        const first = await foldJournal(pools.fold, null, 100, "weak");
        await commitBatch(sql, [anOrder()]);
        const second = await foldJournal(pools.fold, null, 100, "weak");
        if (first.outcome !== "folded" || second.outcome !== "folded") throw new Error("locked");
        assertEquals([first.epoch, first.version, first.orders], [1, 1, 1]);
        assertEquals([second.epoch, second.version, second.orders], [1, 2, 1]);

        await sql`update epochs set started_at = started_at - interval '1 hour'`;
        const restarted = await foldJournal(pools.fold, null, 100, "weak");
        if (restarted.outcome !== "folded") throw new Error("locked");
        assertGreater(restarted.epoch, 1, "another start of the server begins an epoch");
        assertEquals((await foldJournal(pools.fold, null, 100, "weak")).outcome, "folded");

        await sql`grant execute on function pg_control_system() to public`;
        const full = await foldJournal(pools.fold);
        if (full.outcome !== "folded") throw new Error("locked");
        assertGreater(full.epoch, restarted.epoch, "a weak identity is not taken for a full one");
      } finally {
        await pools.end();
      }
    })
  ));
