/** A role without any right but those that the service needs, for tests that take one away. */
import type { TestDatabase } from "../database.ts";

/** Runs `test` with a URL of the database for such a role, and drops the role afterwards. */
export async function withPlainRole(
  { sql, directUrl }: Pick<TestDatabase, "sql" | "directUrl">,
  test: (url: string, role: string) => Promise<void>,
): Promise<void> {
  const role = `weir_plain_${crypto.randomUUID().replaceAll("-", "")}`;
  const [place] = await sql<{ schema: string }[]>`select current_schema() as schema`;
  const { schema } = place!;
  await sql.unsafe(`create role ${role} login password 'plain'`);
  try {
    await sql.unsafe(`
      grant usage, create on schema ${schema} to ${role};
      grant all on all tables in schema ${schema} to ${role};
      grant all on all sequences in schema ${schema} to ${role}`);
    const plain = new URL(directUrl);
    plain.username = role;
    plain.password = "plain";
    await test(plain.href, role);
  } finally {
    await sql.unsafe(`drop owned by ${role}`);
    await sql.unsafe(`drop role ${role}`);
  }
}
