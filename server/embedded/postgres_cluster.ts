/**
 * The cluster: the folder with PostgreSQL's files. It is made at first use and checked at each start,
 * and the remains of a killed run are removed.
 *
 * A new cluster is made in another folder, which is renamed when it is complete. So a crash in the
 * middle leaves nothing that looks like data.
 *
 * Tested in tests/server/embedded/postgres_test.ts.
 */
import { dataDirectoryOf } from "../../sql/connection/bootstrap.ts";
import { classify, isClosedForNow, isSilence } from "../../sql/connection/failure.ts";
import { pause } from "../../sql/waiting.ts";
import { type DataFolder, exists, readIfThere } from "./data_folder.ts";
import { EmbeddedError, type EmbeddedEventKind, type OnEmbeddedEvent } from "./embedded_event.ts";
import type { PostgresBinaries } from "./postgres_binaries.ts";
import type { Runner } from "./unprivileged.ts";

export interface Cluster {
  readonly folder: DataFolder;
  /** `<data folder>/postgres` */
  readonly path: string;
  readonly user: string;
  readonly binaries: PostgresBinaries;
  readonly runner: Runner;
  readonly onEvent: OnEmbeddedEvent;
}

const PASSWORD_FILE = "postgres.password";
const UNFINISHED = /^postgres\.new-/;
const QUESTION_TIMEOUT_MS = 2_000;
/** The time that the server of a killed run has to recover and to say which folder it serves. */
const ORPHAN_TIMEOUT_MS = 60_000;
const ORPHAN_STOP_SECONDS = 30;
const ASK_AGAIN_MS = 100;

/**
 * Makes the cluster when there is none. @returns its password
 * @param durable false only in tests: files are not synced
 * @throws EmbeddedError when the folder holds a broken cluster, or one of another version
 */
export async function ensureCluster(cluster: Cluster, durable: boolean): Promise<string> {
  const { folder, path, runner } = cluster;
  await removeUnfinished(folder);
  const version = (await readIfThere(`${path}/PG_VERSION`))?.trim();
  if (version === undefined) {
    await setAside(cluster);
    const password = await folder.secret(PASSWORD_FILE);
    await initialise(cluster, durable);
    return password;
  }
  const expected = await serverVersion(cluster);
  if (version !== expected) {
    throw new EmbeddedError(
      `the data in ${path} is of PostgreSQL ${version}, this Weir brings ${expected}: ` +
        "move it there by dump and restore, or set WEIR_DATA_DIR to another folder",
    );
  }
  if (!await exists(folder.at(PASSWORD_FILE))) {
    throw new EmbeddedError(
      `${folder.at(PASSWORD_FILE)} is missing, the password of the data in ${path}: restore it`,
    );
  }
  await runner.own(path);
  return await folder.secret(PASSWORD_FILE);
}

/**
 * Stops the server that a killed Weir left running on this cluster, or removes its stale pid file.
 *
 * We connect to the port in the pid file with our password and ask which folder the server serves.
 * - It names the folder as the pid file does, which lies in it: it is stopped.
 * - Nobody is there, or another server answers: the pid file is stale and would keep PostgreSQL from
 *   starting, so it is removed. That is safe, because this Weir holds the folder's lock. PostgreSQL
 *   itself also refuses to start while a process uses the shared memory of this folder.
 * - The server takes the connection and is silent: it may be ours and hang. The file stays, and
 *   PostgreSQL decides.
 */
export async function clearOrphan(cluster: Cluster, password: string): Promise<void> {
  const { path, user } = cluster;
  const pidFile = (await readIfThere(`${path}/postmaster.pid`))?.split("\n");
  if (!pidFile) return;
  const port = Number(pidFile[3]);
  const url = `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;
  const listener = port > 0 ? await whoListens(url, pidFile[1] ?? path) : "another";
  if (listener === "silent") return;
  if (listener === "ours") return await stopOrphan(cluster, pidFile[0] ?? "?");
  try {
    await Deno.remove(`${path}/postmaster.pid`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** @param path the folder, by the name that its server knows: a folder may have several */
async function whoListens(url: string, path: string): Promise<"ours" | "another" | "silent"> {
  const deadline = performance.now() + ORPHAN_TIMEOUT_MS;
  for (;;) {
    try {
      const served = await dataDirectoryOf(url, QUESTION_TIMEOUT_MS);
      return served === path ? "ours" : "another";
    } catch (error) {
      if (isSilence(classify(error))) return "silent";
      if (!isClosedForNow(error) || performance.now() > deadline) return "another";
    }
    await pause(ASK_AGAIN_MS);
  }
}

async function stopOrphan(cluster: Cluster, pid: string): Promise<void> {
  const { path, binaries, runner } = cluster;
  const wait = ["-w", "-t", String(ORPHAN_STOP_SECONDS)];
  const { success, stderr } = await runner
    .command(binaries.pgCtl, ["stop", "-D", path, "-m", "fast", ...wait]).output();
  if (!success && await exists(`${path}/postmaster.pid`)) {
    throw new EmbeddedError(
      `PostgreSQL of an earlier run (pid ${pid}) does not stop: ${decode(stderr)}`,
    );
  }
  say(cluster, "orphan_stopped", `stopped PostgreSQL of an earlier run that was killed (${pid})`);
}

async function initialise(cluster: Cluster, durable: boolean): Promise<void> {
  const { folder, path, user, binaries, runner } = cluster;
  say(cluster, "initialising", `making a new PostgreSQL database in ${path}`);
  const fresh = await Deno.makeTempDir({ dir: folder.path, prefix: "postgres.new-" });
  await runner.own(fresh);
  await runner.own(folder.at(PASSWORD_FILE));
  const { success, stdout, stderr } = await runner.command(binaries.initdb, [
    `--pgdata=${fresh}`,
    `--username=${user}`,
    `--pwfile=${folder.at(PASSWORD_FILE)}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    // Bytes' order and Unicode's upper and lower case, the same on every machine and version.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
    ...(durable ? [] : ["--no-sync"]),
  ]).output();
  if (!success) {
    const said = decode(stderr) || decode(stdout);
    await Deno.remove(fresh, { recursive: true });
    throw new EmbeddedError(`initdb cannot make a database in ${folder.path}: ${said}`);
  }
  await Deno.rename(fresh, path);
}

/** A folder in the way that is not a cluster gets another name, in case somebody needs its files. */
async function setAside(cluster: Cluster): Promise<void> {
  const { folder, path } = cluster;
  if (await exists(`${path}/global/pg_control`)) {
    throw new EmbeddedError(
      `the data in ${path} is damaged (PG_VERSION is missing): restore it from a backup`,
    );
  }
  if (!await exists(path)) return;
  try {
    await Deno.remove(path); // works for an empty folder alone
  } catch {
    const aside = folder.at(`postgres.aside-${Date.now()}`);
    await Deno.rename(path, aside);
    say(cluster, "set_aside", `${path} held no finished database and was moved to ${aside}`);
  }
}

async function removeUnfinished(folder: DataFolder): Promise<void> {
  for await (const entry of Deno.readDir(folder.path)) {
    if (UNFINISHED.test(entry.name)) await Deno.remove(folder.at(entry.name), { recursive: true });
  }
}

/** The major version, as PG_VERSION has it. */
async function serverVersion({ binaries, runner }: Cluster): Promise<string> {
  const { stdout } = await runner.command(binaries.postgres, ["--version"]).output();
  return decode(stdout).match(/(\d+)(?:\.|\w|$)/)?.[1] ?? "unknown";
}

/** The last line with an error, or else the last line. */
function decode(output: Uint8Array): string {
  const lines = new TextDecoder().decode(output).trim().split("\n");
  return (lines.findLast((line) => /error|fatal/i.test(line)) ?? lines.at(-1) ?? "").trim();
}

function say(cluster: Cluster, kind: EmbeddedEventKind, message: string): void {
  cluster.onEvent({ service: "postgres", kind, message });
}
