import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import { openDatabase } from "../../../sql/connection/database.ts";
import { foldJournal } from "../../../sql/figures/fold.ts";
import { identityKindOf } from "../../../sql/figures/identity.ts";
import { rebuildRollups } from "../../../sql/figures/rebuild.ts";
import { migrate } from "../../../sql/migrate.ts";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { anOrder } from "../../support/load/orders.ts";
import { emptyDatabase, type TestDatabase, withDatabase } from "../../support/services/database.ts";
import { withPlainRole } from "../../support/services/roles/plain_role.ts";
import { showPosition, withholdPosition } from "../../support/services/roles/withheld_position.ts";

/** The pool of folds, new each time: a pool remembers for a while that the identity is withheld. */
async function folded(url: string) {
  const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 2 });
  const asked: boolean[] = [];
  try {
    const result = await foldJournal(pools.fold, null, 100, (refusal) => {
      asked.push(refusal === null);
    });
    if (result.outcome !== "folded") throw new Error("locked");
    return { ...result, isTold: asked[0] };
  } finally {
    await pools.end();
  }
}

/** Folds with and without the identity. */
async function expectEpochs(
  { sql }: TestDatabase,
  url: string,
  tell: () => Promise<unknown>,
) {
  await commitBatch(sql, [anOrder()]);
  const first = await folded(url);
  await commitBatch(sql, [anOrder()]);
  const second = await folded(url);
  assertEquals([first.isTold, first.epoch, first.version, first.orders], [false, 1, 1, 1]);
  assertEquals([second.isTold, second.epoch, second.version, second.orders], [false, 1, 2, 1]);

  await sql`update epochs set started_at = started_at - interval '1 hour'`;
  const restarted = await folded(url);
  assertGreater(restarted.epoch, 1, "another start of the server begins an epoch");
  assertEquals((await folded(url)).epoch, restarted.epoch);

  const rebuilt = await rebuildRollups({ databaseUrl: url });
  assertEquals(rebuilt.orders, 2);
  assertEquals((await folded(url)).epoch, rebuilt.epoch);

  await tell();
  const full = await folded(url);
  assertEquals(full.isTold, true);
  assertGreater(full.epoch, rebuilt.epoch, "a weak identity is not taken for a full one");
}

Deno.test("folds and a rebuild need no right to ask for the cluster, and keep the epoch", () =>
  withDatabase((database) =>
    withPlainRole(database, async (url) => {
      const { sql } = database;
      await showPosition(sql); // the group worst withholds it everywhere
      await sql`revoke execute on function pg_control_system() from public`;
      await expectEpochs(
        database,
        url,
        () => sql`grant execute on function pg_control_system() to public`,
      );
    })
  ));

Deno.test("a server that withholds its log's position is migrated, folded and rebuilt", async () => {
  const database = await emptyDatabase();
  const { directUrl: url, sql } = database;
  try {
    await withholdPosition(sql);
    await migrate({ databaseUrl: url });
    assertEquals(await identityKindOf(sql), "weak");
    await sql`update epochs set epoch = 1, begun_at = clock_timestamp()`;
    await expectEpochs(database, url, () => showPosition(sql));
  } finally {
    await database.drop();
  }
});

Deno.test("a fold that fails for another reason tells that reason", () =>
  withDatabase((database) =>
    withPlainRole(database, async (url, role) => {
      await database.sql.unsafe(`revoke all on scope_versions from ${role}`);
      await assertRejects(() => folded(url), Error, "scope_versions");
    })
  ));
