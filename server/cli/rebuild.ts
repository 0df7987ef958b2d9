/**
 * `deno task rebuild`: recounts all orders into new rollups, while orders come in. Dashboards show
 * the old figures until the task commits, and a new epoch after it. Tested in
 * tests/server/cli/rollups_test.ts.
 */
import { RebuildLocked, rebuildRollups } from "../../sql/figures/rebuild.ts";
import { migrate } from "../../sql/migrate.ts";
import { readConfig } from "../config.ts";
import { printJson, taskCommand, TaskFailure } from "./command.ts";
import { withDirectUrl } from "./database_url.ts";

export const command = taskCommand(
  "rebuild",
  "Recounts all orders of DATABASE_URL, else of the embedded database, into new rollups.",
)
  .option("--json", "print JSON")
  .action(async ({ json }: { readonly json?: true }) => {
    const config = readConfig();
    await withDirectUrl(config, async (databaseUrl) => {
      await migrate({ databaseUrl, apply: config.migrates });
      const rebuilt = await rebuildRollups({ databaseUrl }).catch((error: unknown) => {
        throw error instanceof RebuildLocked ? new TaskFailure(error.message) : error;
      });
      if (json) return printJson(rebuilt);
      const { orders, epoch, version, notified } = rebuilt;
      console.log(`recounted ${orders} orders: epoch ${epoch}, version ${version}`);
      if (!notified) {
        console.log("NOTIFY failed: dashboards show it at their next check, within 3 s");
      }
    });
  });
