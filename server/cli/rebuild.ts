/**
 * `deno task rebuild`: makes all rollups anew from the orders, while orders come in. Dashboards show
 * what they have until it is done, and then a new epoch.
 */
import { migrate } from "../../sql/migrate.ts";
import { RebuildLocked, rebuildRollups } from "../../sql/figures/rebuild.ts";
import { readConfig } from "../config.ts";
import { printJson, taskCommand, TaskFailure } from "./command.ts";
import { withDatabaseUrl } from "./database_url.ts";

export const command = taskCommand(
  "rebuild",
  "Recounts all orders of DATABASE_URL, else of the embedded database, into new rollups.",
)
  .option("--json", "print JSON")
  .action(async ({ json }: { readonly json?: true }) => {
    await withDatabaseUrl(readConfig(), async (databaseUrl) => {
      await migrate({ databaseUrl });
      const rebuilt = await rebuildRollups({ databaseUrl }).catch((error: unknown) => {
        throw error instanceof RebuildLocked ? new TaskFailure(error.message) : error;
      });
      if (json) return printJson(rebuilt);
      const { orders, epoch, version } = rebuilt;
      console.log(`recounted ${orders} orders: epoch ${epoch}, version ${version}`);
    });
  });
