/**
 * Runs one group of tests: `deno run tests/run.ts <group> [filter]`.
 *
 * Groups: `unit` those of `all` that need neither PostgreSQL nor Redis; `all` everything under
 * tests/ but system/, page/ and bench/; `system` and `page` those folders. A file needs the
 * services when it imports tests/support/services/services.ts, database.ts or redis.ts, itself or through
 * other files under tests/. For all groups but `unit` a private PostgreSQL and Redis are started
 * and stopped again, also on Ctrl-C.
 *
 * The filter is a path below which tests are run, or else a part of their names. With `--inspect`
 * the tests wait until a debugger has attached to port 9229. Prints what
 * `deno test` prints, then `N passed, N failed`; the exit code is its code, 2 on wrong usage.
 */
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type OwnTestServices, startTestServices } from "./support/services/services.ts";

const USAGE =
  "usage: deno run tests/run.ts unit|all|system|page [--inspect] [path or part of a test's name]";

const ROOT = resolve(fileURLToPath(import.meta.url), "../..");
const TESTS = `${ROOT}/tests`;
const APART = ["system", "page", "bench"];
const NEEDS_SERVICES = ["services.ts", "database.ts", "redis.ts"]
  .map((name) => `${TESTS}/support/services/${name}`);
const PERMISSIONS = ["net", "env", "read", "write", "run", "sys"].map((name) => `--allow-${name}`);

type Group = "unit" | "all" | "system" | "page";

function isGroup(name: string | undefined): name is Group {
  return name === "unit" || name === "all" || name === "system" || name === "page";
}

async function main(args: readonly string[]): Promise<number> {
  const inspect = args.includes("--inspect");
  const [group, filter, ...rest] = args.filter((argument) => argument !== "--inspect");
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
  const rights = group === "page" ? ["-A"] : PERMISSIONS;
  const debugging = inspect ? ["--inspect-wait"] : [];
  const command = ["test", ...debugging, ...rights, ...options, ...files];
  const interrupt = new AbortController();
  const interrupted = () => interrupt.abort();
  const signals: Deno.Signal[] = ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, interrupted);
  return group === "unit"
    ? await runTests(command, {}, interrupt.signal)
    : await runWithServices(command, interrupt.signal);
}

/** An interruption while they start is acted upon as soon as they can be stopped again. */
async function runWithServices(
  command: readonly string[],
  interrupt: AbortSignal,
): Promise<number> {
  let services: OwnTestServices;
  try {
    services = await startTestServices();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    console.log("0 passed, 1 failed");
    return 1;
  }
  try {
    return await runTests(command, services.environment, interrupt);
  } finally {
    await services.stop();
  }
}

/** Passes the output through and reads the summary from it. */
async function runTests(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  interrupt: AbortSignal,
): Promise<number> {
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
  const [, passed = "0", failed = "0"] = summary ?? [];
  // A run that could not even begin (a type error, a signal) has no summary and no success.
  console.log(`${passed} passed, ${code !== 0 && failed === "0" ? 1 : failed} failed`);
  return code;
}

/** Copies to stdout; answers the end of it, where the summary is. */
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
  if (group === "system" || group === "page") return await testFiles(`${TESTS}/${group}`);
  const files = (await testFiles(TESTS)).filter((file) =>
    !APART.some((folder) => file.startsWith(`${relative(ROOT, TESTS)}/${folder}/`))
  );
  if (group === "all") return files;
  const needs = await Promise.all(files.map((file) => needsServices(resolve(ROOT, file))));
  return files.filter((_, index) => !needs[index]);
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

/** Follows the imports of files under tests/; what they import elsewhere does not count. */
async function needsServices(file: string, seen = new Set<string>()): Promise<boolean> {
  if (NEEDS_SERVICES.includes(file)) return true;
  if (seen.has(file) || !file.startsWith(`${TESTS}/`)) return false;
  seen.add(file);
  const text = await Deno.readTextFile(file).catch(() => "");
  const imports = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g);
  for (const [, specifier = ""] of imports) {
    if (await needsServices(resolve(file, "..", specifier), seen)) return true;
  }
  return false;
}

/** The path in full when there is such a file or folder, seen from the project or from here. */
async function existingPath(path: string): Promise<string | undefined> {
  for (const candidate of [resolve(path), resolve(ROOT, path)]) {
    const info = await Deno.stat(candidate).catch(() => undefined);
    if (info) return candidate;
  }
  return undefined;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
