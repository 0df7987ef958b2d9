/**
 * Runs one group of tests: `deno run tests/run.ts <group> [filter]`.
 *
 * - `all`: everything under tests/ but system/, page/ and bench/.
 * - `unit`: the files of `all` that need neither PostgreSQL nor Redis.
 * - `system`, `page`: the files of those folders; `system` leaves out the next group.
 * - `door`: the files of tests/system/door/, attacks on the door of a service.
 * - `worst`: tests of exactness and of the contract, as a database role with the worst settings, on a
 *   server that withholds the position of its log.
 * - `pooled`: tests of exactness and of the contract, through a pooler in transaction mode.
 * - `versions`: the tests of SQL, on each major version of PostgreSQL that can be had.
 * - `ha`: the files of tests/ha/, with programs that stand around Weir in production.
 *
 * A test file needs the services when it imports from tests/support/services/, itself or through
 * other files under tests/. For all groups but `unit` this program starts a private PostgreSQL and
 * Redis, and stops them at the end, also on Ctrl-C.
 *
 * The filter is a path, or else a part of the names of tests. A path runs the tests below it. With
 * `--inspect` the tests wait until a debugger has attached to port 9229. With `--fail-fast` the run
 * ends at the first test that fails.
 * The program prints what `deno test` prints, then `N passed, N failed`. Its exit code is that of
 * `deno test`, or 2 on wrong usage.
 */
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { importGraph, reaches } from "./support/architecture/import_graph.ts";
import { listFiles, readSources } from "./support/architecture/tree.ts";
import { POOLER_VARIABLE, startPgBouncer } from "./support/programs/pgbouncer.ts";
import { startVersion, VERSIONS } from "./support/programs/postgres_version.ts";
import type { ServerProcess } from "./support/services/server_process.ts";
import {
  DATABASE_VARIABLE,
  type OwnTestServices,
  startTestServices,
} from "./support/services/services.ts";
import { WORST_ENVIRONMENT } from "./support/services/roles/worst_role.ts";

const USAGE =
  "usage: deno run tests/run.ts unit|all|system|door|page|worst|pooled|versions|ha [--inspect] [--fail-fast] [path or part of a test's name]";

/** Options of this program, and what `deno test` calls them. */
const FLAGS = new Map([["--inspect", "--inspect-wait"], ["--fail-fast", "--fail-fast"]]);

const ROOT = resolve(fileURLToPath(import.meta.url), "../..");
const TESTS = `${ROOT}/tests`;
const DOOR = `${TESTS}/system/door`;
const APART = ["system", "page", "bench", "ha"];
const SERVICES = "tests/support/services/";
const PERMISSIONS = ["net", "env", "read", "write", "run", "sys"].map((name) => `--allow-${name}`);

const GROUPS = [
  ...["unit", "all", "system", "door", "page", "worst", "pooled", "versions", "ha"] as const,
];
type Group = typeof GROUPS[number];
/** These groups need every right: for a browser, or to look at all processes of the machine. */
const MAY_ALL: ReadonlySet<Group> = new Set(["page", "system", "door", "ha"]);
/** The tests whose outcome depends on what a session with the database assumes. */
const WORST = [
  "sql/connection",
  "sql/figures",
  "sql/orders",
  "sql/api_keys_test.ts",
  "sql/migrate_test.ts",
  "wire",
  "server/router",
  "server/orders",
  "server/figures",
  "server/live",
];

/** The tests whose outcome depends on who else uses the server's session, one statement later. */
const POOLED = [
  "sql/figures",
  "sql/orders",
  "sql/api_keys_test.ts",
  "server/live",
  "server/orders/cancel_test.ts",
  "server/orders/dead_letters_test.ts",
  "server/orders/replay_many_test.ts",
  "server/router/orders_test.ts",
  "server/router/place_many_test.ts",
];

/** The tests that speak SQL, and the procedures above it. */
const OF_SQL = ["sql/figures", "sql/orders", "sql/api_keys_test.ts", "sql/migrate_test.ts"];

/** The end of a run of `deno test`. */
interface Counts {
  readonly code: number;
  readonly passed: number;
  readonly failed: number;
}

function isGroup(name: string | undefined): name is Group {
  return GROUPS.some((group) => group === name);
}

async function main(args: readonly string[]): Promise<number> {
  const flags = args.filter((argument) => FLAGS.has(argument));
  const [group, filter, ...rest] = args.filter((argument) => !FLAGS.has(argument));
  if (args.includes("--help")) {
    console.log(USAGE);
    return 0;
  }
  if (!isGroup(group) || rest.length > 0) {
    console.error(USAGE);
    return 2;
  }
  const path = filter === undefined ? undefined : await existingPath(filter);
  const files = path === undefined ? await filesOf(group) : await testFiles(path);
  if (files.length === 0) {
    console.log(`no tests in ${path === undefined ? `group ${group}` : filter}`);
    console.log("0 passed, 0 failed");
    return 0;
  }
  const options = filter !== undefined && path === undefined ? [`--filter=${filter}`] : [];
  const rights = MAY_ALL.has(group) ? ["-A"] : PERMISSIONS;
  const command = [
    "test",
    ...flags.map((flag) => FLAGS.get(flag)!),
    ...rights,
    ...options,
    ...files,
  ];
  const interrupt = new AbortController();
  const interrupted = () => interrupt.abort();
  const signals: Deno.Signal[] = ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, interrupted);
  if (group === "unit") return (await runTests(command, {}, interrupt.signal)).code;
  return await runWithServices(command, group, interrupt.signal);
}

/** Runs `command` with services. Ctrl-C during their start waits until they can be stopped. */
async function runWithServices(
  command: readonly string[],
  group: Group,
  interrupt: AbortSignal,
): Promise<number> {
  let services: OwnTestServices | undefined;
  let pooler: ServerProcess | undefined;
  try {
    services = await startTestServices();
    if (group === "pooled") {
      pooler = await startPgBouncer(services.databaseUrl, { mode: "transaction" });
    }
    if (group === "versions") return await runOnVersions(command, services, interrupt);
    const environment = {
      ...services.environment,
      ...(group === "worst" ? WORST_ENVIRONMENT : {}),
      ...(pooler === undefined ? {} : { [POOLER_VARIABLE]: String(pooler.port) }),
    };
    return (await runTests(command, environment, interrupt)).code;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    console.log("0 passed, 1 failed");
    return 1;
  } finally {
    await pooler?.dispose();
    await services?.stop();
  }
}

/** Runs `command` once for each version. A version that cannot be had is told, and counts as skipped. */
async function runOnVersions(
  command: readonly string[],
  { environment }: OwnTestServices,
  interrupt: AbortSignal,
): Promise<number> {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const major of VERSIONS.keys()) {
    if (interrupt.aborted) break;
    let server: ServerProcess;
    try {
      server = await startVersion(major);
    } catch (error) {
      console.log(
        `PostgreSQL ${major} cannot be had: ${error instanceof Error ? error.message : ""}`,
      );
      total.skipped++;
      continue;
    }
    console.log(`\n== PostgreSQL ${major} ==`);
    try {
      const counts = await runTests(command, {
        ...environment,
        [DATABASE_VARIABLE]: server.url,
      }, interrupt);
      total.passed += counts.passed;
      total.failed += counts.failed;
    } finally {
      await server.dispose();
    }
  }
  if (total.passed === 0) total.failed++;
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0 ? 0 : 1;
}

/** Runs `deno` with `command`, copies its output to stdout and reads the summary from it. */
async function runTests(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  interrupt: AbortSignal,
): Promise<Counts> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...command],
    cwd: ROOT,
    env: { ...environment, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let running = true;
  const stopChild = () => {
    if (running) child.kill("SIGTERM");
  };
  if (interrupt.aborted) stopChild();
  interrupt.addEventListener("abort", stopChild);
  const printed = await passThrough(child.stdout);
  const { code } = await child.status;
  running = false;
  const summary = [...printed.matchAll(/(\d+) passed(?: \([^)]*\))? \| (\d+) failed/g)].at(-1);
  const [passed = 0, counted = 0] = summary?.slice(1).map(Number) ?? [];
  // A run that could not begin (a type error, a signal) has no summary: it counts as one failure.
  const failed = code !== 0 && counted === 0 ? 1 : counted;
  console.log(`${passed} passed, ${failed} failed`);
  return { code, passed, failed };
}

/** Copies `stream` to stdout. @returns the end of its text, which holds the summary. */
async function passThrough(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let end = "";
  for await (const chunk of stream) {
    end = (end + decoder.decode(chunk, { stream: true })).slice(-10_000);
    let written = 0;
    while (written < chunk.length) written += await Deno.stdout.write(chunk.subarray(written));
  }
  return end;
}

async function filesOf(group: Group): Promise<string[]> {
  if (group === "page") return await testFiles(`${TESTS}/page`);
  if (group === "door") return await testFiles(DOOR);
  if (group === "system") {
    const door = new Set(await testFiles(DOOR));
    return (await testFiles(`${TESTS}/system`)).filter((file) => !door.has(file));
  }
  if (group === "ha") return await testFiles(`${TESTS}/ha`);
  const folders = { worst: WORST, pooled: POOLED, versions: OF_SQL }[group as string];
  if (folders !== undefined) {
    return (await Promise.all(folders.map((folder) => testFiles(`${TESTS}/${folder}`)))).flat();
  }
  const files = (await testFiles(TESTS)).filter((file) =>
    !APART.some((folder) => file.startsWith(`${relative(ROOT, TESTS)}/${folder}/`))
  );
  if (group === "all") return files;
  const root = new URL("../", import.meta.url);
  const sources = readSources(root, await listFiles(root)).filter(({ isTest }) => isTest);
  const graph = importGraph(sources);
  return files.filter((file) => !reaches(graph, file, SERVICES));
}

/** The test files below `path`, relative to the project, in a stable order. */
async function testFiles(path: string): Promise<string[]> {
  const found: string[] = [];
  const walk = async (current: string): Promise<void> => {
    const info = await Deno.stat(current);
    if (info.isDirectory) {
      for await (const entry of Deno.readDir(current)) await walk(`${current}/${entry.name}`);
    } else if (current.endsWith("_test.ts")) found.push(relative(ROOT, current));
  };
  if (await existingPath(path) !== undefined) await walk(path);
  return found.sort();
}

/** The full path of a file or folder, seen from the current folder or from the project. */
async function existingPath(path: string): Promise<string | undefined> {
  for (const candidate of [resolve(path), resolve(ROOT, path)]) {
    const info = await Deno.stat(candidate).catch(() => undefined);
    if (info) return candidate;
  }
  return undefined;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
