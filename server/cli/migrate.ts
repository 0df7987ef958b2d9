/**
 * `deno task migrate`: brings the schema up to date, or says what has been applied. Two that run at
 * once take turns; a schema that does not fit this code is refused.
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
