/**
 * Tables that nobody else can read or write for a while. To an instance its database does not
 * answer, although every connection stays as it is.
 */
import type { TestDatabase } from "../services/database.ts";

export interface HeldTables {
  release(): Promise<void>;
}

/** Holds the tables until `release` is called. */
export async function holdTables(
  database: TestDatabase,
  tables: readonly string[],
): Promise<HeldTables> {
  const session = database.session();
  await session`begin`;
  await session`lock table ${session(tables)} in access exclusive mode`;
  return { release: async () => void await session`rollback` };
}
