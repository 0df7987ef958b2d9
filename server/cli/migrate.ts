/**
 * `deno task migrate`: brings the schema up to date. With `--status` it lists the migrations
 * instead. Two runs at the same time take turns. A schema that this code does not know is refused.
 * Tested in tests/server/cli/tasks_test.ts.
 */
import { migrate, type MigrationStatus, migrationStatus } from "../../sql/migrate.ts";
import { readConfig } from "../config.ts";
import { printJson, printTable, taskCommand } from "./command.ts";
import { withDatabaseUrl } from "./database_url.ts";

interface MigrateOptions {
  readonly status?: true;
  readonly json?: true;
}

export const command = taskCommand(
  "migrate",
  "Brings the schema of DATABASE_URL, else of the embedded database, up to date.",
)
  .option("--status", "change nothing, list the migrations and when each was applied")
  .option("--json", "print JSON")
  .action(async ({ status, json }: MigrateOptions) => {
    await withDatabaseUrl(readConfig(), async (databaseUrl) => {
      if (status) return printStatus(await migrationStatus({ databaseUrl }), json === true);
      const { applied } = await migrate({ databaseUrl });
      if (json) return printJson({ applied });
      console.log(
        applied.length === 0 ? "the schema is up to date" : `applied ${applied.join(", ")}`,
      );
    });
  });

function printStatus(migrations: readonly MigrationStatus[], json: boolean): void {
  if (json) return printJson(migrations);
  const rows = migrations.map(({ name, appliedAt }) => [name, appliedAt ?? "to be applied"]);
  printTable([["MIGRATION", "APPLIED"], ...rows]);
}
