/**
 * The launchers: the processes between an operator's command and the service, such as `npx`, its
 * shell, and `deno task`. They only wait for the service. A signal to one of them may end that one
 * alone, and SIGKILL always does. The service would then live on, and nobody would know of it.
 *
 * So the service looks every second whether each launcher is still the parent of the next. A parent
 * that is no launcher may go: a terminal, a script, a supervisor. Then the service stays.
 *
 * Under `deno run --watch` (the task `dev`) the end of the service does not end the process: it waits
 * for a file to change, and would begin again with nobody above it. `isWatched` tells.
 *
 * Tested in tests/server/launchers_test.ts and tests/system/process/orphans_test.ts.
 */
import { every } from "./every.ts";
import type { Process, ProcessTable } from "./process_table.ts";

export interface LaunchersOptions {
  /** The parent of this process, as it is now. */
  readonly parent: () => number;
  /** True when the environment says that `npx` started this process. */
  readonly byNpx: boolean;
  readonly table: Pick<ProcessTable, "read" | "parentsOf">;
  /** Called once, with the name of the launcher that has ended. */
  readonly onGone: (name: string, isWatched: boolean) => void;
  readonly lookMs?: number;
}

interface Launchers {
  /** The parent of this process first. */
  readonly chain: readonly Process[];
  /** True when `npx` had ended before anybody looked. */
  readonly isOrphan: boolean;
}

const LOOK_MS = 1_000;
/** Launchers are five or so. */
const MAX_ANCESTORS = 16;

const PACKAGE_RUNNER = /^(npm|npx|pnpm|pnpx|yarn|yarnpkg|bun|bunx)$/;
const SHELL = /^(sh|dash|bash|ash|zsh)$/;
/** These take up processes whose parent has ended. So does process 1, whatever its name. */
const REAPER = /^(systemd|init|tini|dumb-init|docker-init|catatonit)$/;

/** Watches the launchers of this process. @returns a function that ends the watch */
export function watchLaunchers(options: LaunchersOptions): () => Promise<void> {
  const { onGone, lookMs = LOOK_MS } = options;
  let chain: readonly Process[] | null = null;
  let isOver = false;
  const watch = every(lookMs, async () => {
    if (isOver) return;
    const lost = chain === null ? await begin() : await firstLost(chain, options);
    if (lost === null || isOver) return;
    isOver = true;
    onGone(lost, chain?.some(({ args }) => args.includes("--watch")) === true);
  });
  const begin = async () => {
    const found = await findLaunchers(options);
    chain = found.chain;
    return found.isOrphan ? "npx" : null;
  };
  watch.now();
  return async () => {
    isOver = true;
    await watch.stop();
  };
}

async function findLaunchers({ parent, byNpx, table }: LaunchersOptions): Promise<Launchers> {
  const ancestors: Process[] = [];
  for (let pid = parent(); pid > 0 && ancestors.length < MAX_ANCESTORS;) {
    const ancestor = await table.read(pid);
    if (ancestor === null) break;
    ancestors.push(ancestor);
    pid = ancestor.parent;
  }
  const roles = ancestors.map(roleOf);
  const tasks = roles.findIndex((role) => role !== "task");
  const taskCount = tasks === -1 ? roles.length : tasks;
  // A shell is a launcher only where a package runner started it. Any other shell is the operator's.
  let length = taskCount;
  for (let next = length; roles[next] === "shell" || roles[next] === "runner"; next++) {
    if (roles[next] === "runner") length = next + 1;
  }
  return {
    chain: ancestors.slice(0, length),
    isOrphan: byNpx && isLeftAlone(ancestors[taskCount - 1], ancestors[taskCount]),
  };
}

/** True when `task` was taken up by a process that had not started it. */
function isLeftAlone(task: Process | undefined, above: Process | undefined): boolean {
  if (task === undefined) return false;
  // The first process of a container may be npx itself, or its shell.
  if (task.parent === 1) return above === undefined || roleOf(above) === "other";
  return above !== undefined && REAPER.test(nameOf(above));
}

/** The name of a launcher that has ended; null when all live. */
async function firstLost(
  chain: readonly Process[],
  { parent, table }: LaunchersOptions,
): Promise<string | null> {
  const [first] = chain;
  const parentNow = parent();
  if (first === undefined) return null;
  if (parentNow !== first.pid) return nameOf(first);
  const pairs = chain.slice(1).map((above, index) => ({ above, below: chain[index]! }));
  if (pairs.length === 0) return null;
  const parents = await table.parentsOf(pairs.map(({ below }) => below.pid));
  // A process that cannot be read has just ended, and the process below it has another parent.
  const lost = pairs.find(({ above, below }) =>
    (parents.get(below.pid) ?? above.pid) !== above.pid
  );
  return lost === undefined ? null : nameOf(lost.above);
}

type Role = "task" | "shell" | "runner" | "other";

function roleOf(process: Process): Role {
  const { args } = process;
  const name = nameOf(process);
  if (name === "deno") return args.includes("task") ? "task" : "other";
  if (SHELL.test(name)) return args.includes("-c") ? "shell" : "other";
  if (PACKAGE_RUNNER.test(name)) return "runner";
  if (name !== "node") return "other";
  // Node runs the script of the package `deno`, or a package runner that has not renamed itself.
  const script = baseName(args[1] ?? "").replace(/(-cli)?\.c?js$/, "");
  if (script === "deno" || script === "bin") return "task";
  return PACKAGE_RUNNER.test(script) ? "runner" : "other";
}

/** The name of the program. npm replaces its command line by one text, such as `npm exec deno`. */
function nameOf({ args }: Process): string {
  return baseName(args[0]?.split(" ")[0] ?? "");
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
