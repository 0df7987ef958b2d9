/**
 * A hot standby of a test's PostgreSQL, for a failover.
 *
 * The primary is stopped and its files are copied. Then both are started, the copy as a standby
 * that follows the primary. The primary answers a COMMIT only when the standby has it on disk. So
 * an acknowledged order may not be missing after a failover.
 */
import { type ServerProcess, type Settings, startPostgres } from "./server_process.ts";
import { temporaryFolder, until } from "./services.ts";
import { connect } from "../../../sql/connection/driver.ts";

/** Settings of the primary: a COMMIT waits for any one standby. */
export const SYNCHRONOUS: Settings = { synchronous_standby_names: "*" };

/** Runs `test` with a standby of `primary` that is in step with it. */
export async function withStandby(
  primary: ServerProcess,
  test: (standby: ServerProcess) => Promise<void>,
): Promise<void> {
  const path = await temporaryFolder();
  let standby: ServerProcess | undefined;
  try {
    await primary.stop();
    await copyFiles(primary.plan.path, path);
    await Deno.writeTextFile(`${path}/postgres/standby.signal`, "");
    const { username, password, hostname, port } = new URL(primary.url);
    const primary_conninfo = `host=${hostname} port=${port} user=${username} password=${password}`;
    await primary.start(SYNCHRONOUS);
    standby = await startPostgres({ primary_conninfo }, path);
    await until("the standby to be in step", () => isInStep(primary));
    await test(standby);
  } finally {
    await standby?.dispose();
    await Deno.remove(path, { recursive: true });
  }
}

/** Makes the standby the primary, and resolves when it is. */
export async function promote(standby: ServerProcess): Promise<void> {
  const sql = connect(standby.url, { max: 1 });
  try {
    await sql`select pg_promote(true)`;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** An address with both hosts. `first` is asked first. */
export function eitherOf(first: ServerProcess, second: ServerProcess): string {
  return first.url.replace(`:${first.port}/`, `:${first.port},127.0.0.1:${second.port}/`);
}

async function isInStep(primary: ServerProcess): Promise<boolean> {
  const sql = connect(primary.url, { max: 1 });
  try {
    const rows = await sql`
      select from pg_stat_replication where state = 'streaming' and sync_state = 'sync'`;
    return rows.length === 1;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Copies all files but the lock of the folder. Rights and owners stay as they are. */
async function copyFiles(from: string, to: string): Promise<void> {
  for await (const { name } of Deno.readDir(from)) {
    if (name === "lock") continue;
    const args = ["-a", `${from}/${name}`, `${to}/${name}`];
    const { success, stderr } = await new Deno.Command("cp", { args, stdout: "null" }).output();
    if (!success) throw new Error(`the copy failed: ${new TextDecoder().decode(stderr)}`);
  }
}
