/**
 * PostgreSQL without installing it: the real server from npm, under `<data folder>/postgres`.
 *
 * It listens on 127.0.0.1 alone, on a free port, with a random password from a 0600 file, and
 * keeps every durability setting on. It is there when `startEmbeddedPostgres` resolves, started
 * again on the same port when it ends by itself, and survives that it or Weir is killed.
 */
import { answersQueries } from "../../sql/connection/bootstrap.ts";
import type { DataFolder } from "./data_folder.ts";
import type { OnEmbeddedEvent } from "./embedded_event.ts";
import type { EmbeddedServer } from "./embedded_server.ts";
import { locatePostgres } from "./postgres_binaries.ts";
import { clearOrphan, type Cluster, ensureCluster } from "./postgres_cluster.ts";
import { supervise } from "./supervisor.ts";
import { findRunner } from "./unprivileged.ts";

export interface EmbeddedPostgresOptions {
  /** The held folder, see `openDataFolder`. */
  readonly folder: DataFolder;
  readonly onEvent?: OnEmbeddedEvent;
  /** Server settings on top of ours; only tests turn durability off (`fsync: "off"`). */
  readonly settings?: Readonly<Record<string, string>>;
  /** Start it again when it ends by itself; default true. */
  readonly restart?: boolean;
}

/** Its URL is `postgres://weir:<password>@127.0.0.1:<port>/weir`; `pid` is the postmaster's. */
export type EmbeddedPostgres = EmbeddedServer;

const USER = "weir";
const DATABASE = "weir";
const ANSWER_TIMEOUT_MS = 2_000;

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  timezone: "UTC",
  log_timezone: "UTC",
  log_line_prefix: "%m [%p] ",
  log_checkpoints: "off",
  logging_collector: "off",
};

/** Starts the server and resolves when a query is answered. @throws EmbeddedError */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const { folder, onEvent = () => undefined, restart = true } = options;
  const settings = { ...SETTINGS, ...options.settings };
  const binaries = await locatePostgres();
  const runner = await findRunner(binaries.postgres, folder.path);
  const cluster: Cluster = {
    folder,
    path: folder.at("postgres"),
    user: USER,
    binaries,
    runner,
    onEvent,
  };
  const password = await ensureCluster(cluster, settings.fsync !== "off");
  const urlOf = (port: number) => `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`;
  return await supervise({
    service: "postgres",
    title: "PostgreSQL",
    dataPath: cluster.path,
    urlOf,
    logPath: folder.at("postgres.log"),
    prepare: () => clearOrphan(cluster, password),
    command: (port, spawn) =>
      runner.command(binaries.postgres, argumentsOf(cluster.path, port, settings), spawn),
    answers: (port) => answersQueries(urlOf(port), ANSWER_TIMEOUT_MS),
    stopSignal: "SIGINT",
  }, { restart, onEvent });
}

function argumentsOf(path: string, port: number, settings: Record<string, string>): string[] {
  const given = Object.entries({ ...settings, port: String(port) });
  return ["-D", path, ...given.flatMap(([name, value]) => ["-c", `${name}=${value}`])];
}
