/**
 * The database that a task works on: the one of DATABASE_URL, else the embedded one.
 *
 * If a service already runs the embedded database, the task is one more client of it. Otherwise the
 * task starts the database, and stops it at its end. A task may find the database that another task
 * has started. That database stops with the other task, and this task then fails; it is safe to run
 * it again. Tested in tests/server/cli/tasks_test.ts.
 */
import { LANES } from "../../actors/order_writer/order_writer.ts";
import { answersQueries, dataDirectoryOf } from "../../sql/connection/bootstrap.ts";
import { type Database, openDatabase } from "../../sql/connection/database.ts";
import { classify } from "../../sql/connection/failure.ts";
import { migrate } from "../../sql/migrate.ts";
import { answerUnless } from "../../sql/waiting.ts";
import type { Config } from "../config.ts";
import { readIfThere } from "../embedded/data_folder.ts";
import { startEmbedded } from "../embedded/mod.ts";
import { endSignals } from "../process_table.ts";
import { startFailureLine } from "../start_failure.ts";
import { describe } from "../telemetry/log.ts";
import { TaskFailure } from "./command.ts";

const ANSWER_TIMEOUT_MS = 2_000;

/**
 * Calls `use` with the URL of the database.
 * @throws TaskFailure when the database fails; an error of `use` itself comes through as it is.
 */
export async function withDatabaseUrl<T>(
  config: Pick<Config, "databaseUrl" | "dataDir">,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const url = config.databaseUrl ?? await onDatabase(urlOfRunning(config.dataDir));
  if (url === null) return await withStarted(config.dataDir, use);
  return await onDatabase(use(url));
}

/** Calls `use` with the URL of the database itself, past a pooler. @throws as `withDatabaseUrl` does */
export async function withDirectUrl<T>(
  config: Pick<Config, "databaseUrl" | "directDatabaseUrl" | "dataDir">,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const databaseUrl = config.directDatabaseUrl ?? config.databaseUrl;
  return await withDatabaseUrl({ ...config, databaseUrl }, use);
}

/** Brings the schema up to date, then calls `use` with pools. @throws as `withDatabaseUrl` does */
export async function withPools<T>(
  config: Pick<
    Config,
    "databaseUrl" | "directDatabaseUrl" | "dataDir" | "migrates" | "statementTimeoutMs"
  >,
  use: (pools: Database) => Promise<T>,
): Promise<T> {
  return await withDatabaseUrl(config, async (url) => {
    const { directDatabaseUrl, migrates } = config;
    await migrate({ databaseUrl: directDatabaseUrl ?? url, apply: migrates });
    const { statementTimeoutMs } = config;
    const pools = openDatabase({ url, statementTimeoutMs, writeConnections: LANES });
    try {
      return await use(pools);
    } finally {
      await pools.end();
    }
  });
}

/** Resolves with the result of `work`. @throws TaskFailure when the database failed */
export async function onDatabase<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const isKnown = error instanceof TaskFailure || startFailureLine(error) !== null;
    if (isKnown || classify(error).code === "UNKNOWN") throw error;
    throw new TaskFailure(`the database failed: ${describe(error)}`, { cause: error });
  }
}

/** The URL of the server that runs on this data folder; null when none does. */
async function urlOfRunning(dataDir: string): Promise<string | null> {
  const pidFile = await readIfThere(`${dataDir}/postgres/postmaster.pid`);
  const password = await readIfThere(`${dataDir}/postgres.password`);
  const port = Number(pidFile?.split("\n")[3]);
  if (password === undefined || !(port > 0)) return null;
  const url = `postgres://weir:${password.trim()}@127.0.0.1:${port}/weir`;
  if (!await answersQueries(url, ANSWER_TIMEOUT_MS)) return null;
  const served = await dataDirectoryOf(url, ANSWER_TIMEOUT_MS);
  // The pid file lies in the folder, and has the name by which its server knows it.
  return served === pidFile?.split("\n")[1] ? url : null;
}

/**
 * Starts the embedded database around `use`. On a signal the database is stopped before the task
 * fails; otherwise it would outlive the task.
 */
async function withStarted<T>(dataDir: string, use: (url: string) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new TaskFailure("interrupted"));
  const signals = await endSignals();
  for (const signal of signals) Deno.addSignalListener(signal, interrupt);
  try {
    const services = await startEmbedded({
      dataDir,
      postgres: true,
      redis: false,
      onEvent: ({ kind, message }) => {
        if (kind === "initialising") console.error(`weir: ${message}`);
      },
    });
    try {
      if (services.postgres === null) throw new TaskFailure("no embedded PostgreSQL");
      return await answerUnless(interrupted.signal, onDatabase(use(services.postgres.url)));
    } finally {
      await services.stop();
    }
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, interrupt);
  }
}
