/**
 * Writes sql/schema.sql from a database of its own that is migrated for it:
 * `deno run -A tests/support/schema/write.ts`.
 */
import { startEmbedded } from "../../../server/embedded/mod.ts";
import { connect } from "../../../sql/connection/driver.ts";
import { migrate } from "../../../sql/migrate.ts";
import { SCHEMA_FILE, schemaText } from "./schema_text.ts";

async function writeSchema(): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "weir-schema-" });
  const services = await startEmbedded({ dataDir, postgres: true, redis: false });
  try {
    const databaseUrl = services.postgres!.url;
    await migrate({ databaseUrl });
    const sql = connect(databaseUrl, { max: 1 });
    try {
      await Deno.writeTextFile(SCHEMA_FILE, await schemaText(sql));
    } finally {
      await sql.end();
    }
  } finally {
    await services.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
}

if (import.meta.main) await writeSchema();
