/** An instance whose database a test can take away and give back. */
import { type InstanceTest, withInstance } from "./instance.ts";
import { isPooled } from "../programs/pgbouncer.ts";
import { until } from "./services.ts";
import { WireProxy } from "../faults/wire_proxy.ts";

/** Runs `test` with an instance that reaches its database through a proxy. */
export async function withProxy(
  test: (instance: InstanceTest, proxy: WireProxy) => Promise<void>,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  let proxy: WireProxy | undefined;
  try {
    await withInstance(async (instance) => {
      await test(instance, proxy!);
      await proxy?.mend();
      await listening(instance);
    }, {
      environment: { WEIR_STATEMENT_TIMEOUT_MS: "1000", WEIR_SPILL: "off", ...environment },
      reach: (databaseUrl) => (proxy ??= WireProxy.to(databaseUrl)).through(databaseUrl),
    });
  } finally {
    await proxy?.close();
  }
}

/**
 * Resolves when the instance listens for notices. The driver waits half a second between two
 * attempts, and cannot be stopped during that wait.
 */
async function listening({ database: { sql } }: InstanceTest): Promise<void> {
  if (isPooled()) return; // nobody listens through a pooler
  await until("LISTEN to be in force", async () => {
    const sessions = await sql`
      select from pg_stat_activity
      where datname = current_database() and application_name = 'weir listen'
        and query ilike 'listen%' and state = 'idle'`;
    return sessions.length > 0;
  });
}
