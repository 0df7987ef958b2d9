/**
 * The database that a task works on: the one that DATABASE_URL names, else the embedded one.
 *
 * Where the embedded one runs already, under a live service, the task is one more of its clients;
 * where it does not, it is started for as long as the task takes. A task that finds the database
 * of another task may see it stop in the middle, and fails then; to run it again is safe.
 */
import { classify } from "../../sql/connection/failure.ts";
import { LANES } from "../../actors/order_writer/order_writer.ts";
import { answersQueries, dataDirectoryOf } from "../../sql/connection/bootstrap.ts";
import { type Database, openDatabase } from "../../sql/connection/database.ts";
import { migrate } from "../../sql/migrate.ts";
import { answerUnless } from "../../sql/waiting.ts";
import type { Config } from "../config.ts";
import { readIfThere } from "../embedded/data_folder.ts";
import { startEmbedded } from "../embedded/mod.ts";
import { startFailureLine } from "../start_failure.ts";
import { describe } from "../telemetry/log.ts";
import { TaskFailure } from "./command.ts";

const ANSWER_TIMEOUT_MS = 2_000;
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * Calls `use` with the database's URL.
 * @throws TaskFailure when the database does not answer, else what `use` throws.
 */
export async function withDatabaseUrl<T>(
  config: Pick<Config, "databaseUrl" | "dataDir">,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const url = config.databaseUrl ?? await onDatabase(urlOfRunning(config.dataDir));
  if (url === null) return await withStarted(config.dataDir, use);
  return await onDatabase(use(url));
}

/** Calls `use` with pools on that database, its schema up to date. @throws as `withDatabaseUrl` */
export async function withPools<T>(
  config: Pick<Config, "databaseUrl" | "dataDir" | "statementTimeoutMs">,
  use: (pools: Database) => Promise<T>,
): Promise<T> {
  return await withDatabaseUrl(config, async (url) => {
    await migrate({ databaseUrl: url });
    const { statementTimeoutMs } = config;
    const pools = openDatabase({ url, statementTimeoutMs, writeConnections: LANES });
    try {
      return await use(pools);
    } finally {
      await pools.end();
    }
  });
}

/** What `work` on the database gives. @throws TaskFailure when the database failed. */
export async function onDatabase<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const isKnown = error instanceof TaskFailure || startFailureLine(error) !== null;
    if (isKnown || classify(error).code === "UNKNOWN") throw error;
    throw new TaskFailure(`the database failed: ${describe(error)}`, { cause: error });
  }
}

/** Of the server that serves this data folder and takes the folder's password; null: none does. */
async function urlOfRunning(dataDir: string): Promise<string | null> {
  const pidFile = await readIfThere(`${dataDir}/postgres/postmaster.pid`);
  const password = await readIfThere(`${dataDir}/postgres.password`);
  const port = Number(pidFile?.split("\n")[3]);
  if (password === undefined || !(port > 0)) return null;
  const url = `postgres://weir:${password.trim()}@127.0.0.1:${port}/weir`;
  if (!await answersQueries(url, ANSWER_TIMEOUT_MS)) return null;
  const served = await dataDirectoryOf(url, ANSWER_TIMEOUT_MS);
  return served === await Deno.realPath(`${dataDir}/postgres`) ? url : null;
}

/** A signal stops the server in order before the task fails: it would outlive the task. */
async function withStarted<T>(dataDir: string, use: (url: string) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new TaskFailure("interrupted"));
  for (const signal of SIGNALS) Deno.addSignalListener(signal, interrupt);
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
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupt);
  }
}
