/** PgBouncer before a PostgreSQL, in one of its modes. */
import { answersQueries } from "../../../sql/connection/bootstrap.ts";
import { freePort, type ServerProcess } from "../services/server_process.ts";
import { startProgram } from "./program.ts";

export interface PgBouncerOptions {
  readonly mode: "session" | "transaction";
  /** The most connections to the server, for each user and database. */
  readonly poolSize?: number;
}

/** Starts a PgBouncer for every database and user of the server at `url`, a superuser's. */
export async function startPgBouncer(
  url: string,
  { mode, poolSize = 40 }: PgBouncerOptions,
): Promise<ServerProcess> {
  const server = new URL(url);
  const port = freePort();
  const through = throughPooler(url, port);
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "scram-sha-256",

    auth_user: server.username,
    auth_query: "SELECT usename, passwd FROM pg_shadow WHERE usename = $1",
    pool_mode: mode,
    default_pool_size: poolSize,
    max_client_conn: 1_000,
    server_idle_timeout: 1,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const password = decodeURIComponent(server.password);
  return await startProgram({
    name: "pgbouncer",
    package: "pgbouncer",
    url: through,
    files: (folder) => ({
      "users.txt": `"${server.username}" "${password}"\n`,
      "pgbouncer.ini": [
        "[databases]",
        `* = host=${server.hostname} port=${server.port}`,
        "[pgbouncer]",
        `auth_file = ${folder}/users.txt`,
        ...lines,
        "",
      ].join("\n"),
    }),
    args: (folder) => [`${folder}/pgbouncer.ini`],
    answers: () => answersQueries(through, 1_000),
    isUnprivileged: true,
  });
}

/** The variable with the port of the pooler through which the code under test reaches its database. */
export const POOLER_VARIABLE = "WEIR_TEST_POOLER_PORT";

/** True when the run has a pooler. */
export function isPooled(): boolean {
  return Deno.env.has(POOLER_VARIABLE);
}

/** `url` for the code under test: by way of the run's pooler, where the run has one. */
export function pooled(url: string): string {
  const port = Deno.env.get(POOLER_VARIABLE);
  return port === undefined ? url : throughPooler(url, Number(port));
}

/** The URL of the database by way of the pooler. */
function throughPooler(url: string, port: number): string {
  const through = new URL(url);
  through.hostname = "127.0.0.1";
  through.port = String(port);
  return through.href;
}
