/**
 * Tasks as an operator runs them: each runs the line that deno.json has for it, in a process of
 * its own, with the permissions of that line.
 */
const ROOT = new URL("../../../", import.meta.url);

/** Keeps variables of the shell that runs the tests away from the tasks; empty is unset. */
const UNSET = Object.fromEntries(
  [
    "WEIR_KEY",
    "PORT",
    "HOST",
    "DATABASE_URL",
    "REDIS_URL",
    "WEIR_DATA_DIR",
    "WEIR_DEV_KEY",
    "LOG_LEVEL",
  ]
    .map((name) => [name, ""]),
);

export interface TaskResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A task that runs, with everything that it has printed so far. */
export interface RunningTask {
  readonly printed: { readonly stdout: string; readonly stderr: string };
  readonly ended: Promise<TaskResult>;
  /** Resolves with the first match of `pattern` in stdout. @throws when it ends without one */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  interrupt(): void;
}

/** Runs the line that deno.json has for a task, but not the tasks that it depends on. */
export async function startTask(
  name: string,
  args: string,
  environment: Record<string, string>,
): Promise<RunningTask> {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "--eval", `${tasks[name].command} ${args}`],
    cwd: ROOT,
    env: { ...UNSET, LOG_FORMAT: "text", NO_COLOR: "1", ...environment },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const printed = { stdout: "", stderr: "" };
  const changed = new EventTarget();
  const collect = async (stream: ReadableStream<Uint8Array>, into: "stdout" | "stderr") => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      printed[into] += decoder.decode(chunk, { stream: true });
      changed.dispatchEvent(new Event("printed"));
    }
  };
  const ended = Promise.all([
    child.status,
    collect(child.stdout, "stdout"),
    collect(child.stderr, "stderr"),
  ]).then(([{ code }]) => ({ code, ...printed }));
  const says = (pattern: RegExp) => {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const look = () => {
      const found = pattern.exec(printed.stdout);
      if (found !== null) resolve(found);
    };
    changed.addEventListener("printed", look);
    look();
    ended.then(() => reject(new Error(`it ended and never said ${pattern}: ${printed.stderr}`)));
    return promise.finally(() => changed.removeEventListener("printed", look));
  };
  return { printed, ended, says, interrupt: () => child.kill("SIGINT") };
}

/** Runs a task to its end. */
export async function runTask(
  name: string,
  args: string,
  environment: Record<string, string> = {},
) {
  return await (await startTask(name, args, environment)).ended;
}
