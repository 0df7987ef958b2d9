/**
 * Writes `sql/schema.sql` from a freshly migrated database. It starts a private PostgreSQL for that
 * and stops it again.
 */
import { connect } from "../../../sql/connection/driver.ts";
import { migrate } from "../../../sql/migrate.ts";
import { startTestServices } from "../services/services.ts";
import { SCHEMA_PATH, schemaText } from "./schema.ts";

async function write(): Promise<void> {
  const services = await startTestServices();
  try {
    const { databaseUrl } = services;
    await migrate({ databaseUrl });
    const sql = connect(databaseUrl, { max: 1 });
    try {
      const file = new URL(`../../../${SCHEMA_PATH}`, import.meta.url);
      await Deno.writeTextFile(file, await schemaText(sql));
    } finally {
      await sql.end({ timeout: 5 });
    }
  } finally {
    await services.stop();
  }
}

if (import.meta.main) await write();
