/**
 * The files of `migrations/`, in their order.
 *
 * Tested in tests/sql/migrate_test.ts.
 */
import { createHash } from "node:crypto";

const FOLDER = new URL("./migrations/", import.meta.url);
/** The first line of a file whose statements commit each by itself. */
const OUTSIDE_TRANSACTION = "-- outside a transaction\n";

/** A migration: a numbered file of SQL. */
export interface Migration {
  readonly name: string;
  readonly script: string;
  readonly sha256: string;
  /** False: each statement commits by itself. */
  readonly inTransaction: boolean;
}

/**
 * SHA-256 of texts that some databases applied, and that do the same as the present ones. The present
 * text of 0004 also runs where the server withholds its identity.
 */
const EARLIER_TEXTS: Readonly<Record<string, string>> = {
  "0004_epochs.sql": "df3e60fbd18e94171cfdec4435fe5cf2da654e723f6155e0d3e70a42f21f243e",
};

/** True when a database that recorded `sha256` has applied this migration. */
export function isTextOf({ name, sha256: present }: Migration, sha256: string): boolean {
  return present === sha256 || EARLIER_TEXTS[name] === sha256;
}

/** All migrations, applied or not. */
export async function readMigrations(): Promise<readonly Migration[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(FOLDER)) {
    if (entry.name.endsWith(".sql")) names.push(entry.name);
  }
  return await Promise.all(
    names.sort().map(async (name) => {
      const script = await Deno.readTextFile(new URL(name, FOLDER));
      return {
        name,
        script,
        sha256: createHash("sha256").update(script).digest("hex"),
        inTransaction: !script.startsWith(OUTSIDE_TRANSACTION),
      };
    }),
  );
}
