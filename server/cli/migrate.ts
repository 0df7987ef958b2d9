/**
 * `deno task migrate`: brings the schema up to date. With `--status` it lists the migrations
 * instead, with `--print` it prints their SQL, and with `--grants` the rights of a role. Two runs at
 * the same time take turns. A schema that this code does not know is refused.
 * Tested in tests/server/cli/tasks_test.ts.
 */
import {
  grantScript,
  migrate,
  type MigrationStatus,
  migrationStatus,
  pendingScript,
} from "../../sql/migrate.ts";
import { readConfig } from "../config.ts";
import { printJson, printTable, taskCommand } from "./command.ts";
import { withDirectUrl } from "./database_url.ts";

interface MigrateOptions {
  readonly print?: true;
  readonly grants?: string;
  readonly status?: true;
  readonly json?: true;
}

export const command = taskCommand(
  "migrate",
  "Brings the schema of DATABASE_URL, else of the embedded database, up to date.",
)
  .option("--status", "change nothing, list the migrations and when each was applied")
  .option("--print", "change nothing, print the SQL of the migrations that are not applied")
  .option("--grants <role>", "change nothing, print the GRANTs for the service's role")
  .option("--json", "print JSON")
  .action(async ({ status, print, grants, json }: MigrateOptions) => {
    await withDirectUrl(readConfig(), async (databaseUrl) => {
      if (print) return await write(await pendingScript({ databaseUrl }));
      if (grants !== undefined) {
        return await write(await grantScript({ databaseUrl, role: grants }));
      }
      if (status) return printStatus(await migrationStatus({ databaseUrl }), json === true);
      const { applied } = await migrate({ databaseUrl });
      if (json) return printJson({ applied });
      console.log(
        applied.length === 0 ? "the schema is up to date" : `applied ${applied.join(", ")}`,
      );
    });
  });

/** Writes all of a text, also into a pipe. */
async function write(text: string): Promise<void> {
  await new Blob([text]).stream().pipeTo(Deno.stdout.writable, { preventClose: true });
}

function printStatus(migrations: readonly MigrationStatus[], json: boolean): void {
  if (json) return printJson(migrations);
  const rows = migrations.map(({ name, appliedAt }) => [name, appliedAt ?? "to be applied"]);
  printTable([["MIGRATION", "APPLIED"], ...rows]);
}
