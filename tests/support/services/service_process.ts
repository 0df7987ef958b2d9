/**
 * The service as a process of its own, with the permissions that `deno task start` gives it. Tests
 * of a start, a signal, an exit code or a crash need a process.
 */
import { type TestDatabase, withDatabase } from "./database.ts";
import { KEY } from "./instance.ts";
import { type TestRedis, withRedis } from "./redis.ts";
import { until } from "./services.ts";

const ROOT = new URL("../../../", import.meta.url);

/** Keeps variables of the shell that runs the tests away from the service; empty is unset. */
const UNSET = Object.fromEntries(
  ["PORT", "HOST", "DATABASE_URL", "REDIS_URL", "WEIR_DATA_DIR", "WEIR_DEV_KEY", "LOG_LEVEL"]
    .map((name) => [name, ""]),
);

/** `runService` kills a service that has not failed after this long. Its test then fails. */
const FAILED_START_MS = 30_000;

export type Environment = Readonly<Record<string, string>>;

/** For `start`: sets the calendar of the service's process ahead; see clock_ahead.ts. */
export function clockAhead(ms: number): Environment {
  return { [CLOCK_AHEAD]: String(ms) };
}

const CLOCK_AHEAD = "WEIR_TEST_CLOCK_AHEAD_MS";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServiceProcess {
  readonly url: string;
  /** Resolves when the service prints a match. @throws when it ends without one, or is too slow */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<Ended>;
  signal(name: Deno.Signal): void;
  readonly pid: number;
  /** The bytes of memory that the process has at this moment. */
  residentBytes(): Promise<number>;
  /** The CPU time that the process has used so far, milliseconds. */
  cpuMs(): Promise<number>;
  /** Kills the process (SIGKILL), as a crash of the machine would. */
  kill(): Promise<void>;
  readonly ended: Promise<Ended>;
}

export interface ProcessTest {
  readonly database: TestDatabase;
  readonly redis: TestRedis;
  /** Starts a service on the test's database and Redis, and waits until it listens. */
  start(environment?: Environment): Promise<ServiceProcess>;
}

/** Runs `test` with a database and a Redis, then kills the services that still run. */
export function withProcesses(test: (processes: ProcessTest) => Promise<void>): Promise<void> {
  return withDatabase((database) =>
    withRedis(async (redis) => {
      const started: ServiceProcess[] = [];
      const start = async (environment: Environment = {}) => {
        const service = await startService({
          DATABASE_URL: database.url,
          REDIS_URL: redis.url,
          WEIR_REDIS_PREFIX: redis.prefix,
          ...environment,
        });
        started.push(service);
        return service;
      };
      try {
        await test({ database, redis, start });
      } finally {
        await Promise.all(started.map((service) => service.kill()));
      }
    })
  );
}

/** The variable of a service's environment with the most descriptors that it may have open. */
export const DESCRIPTORS = "TEST_DESCRIPTORS";

/** Runs a service that should fail at its start, and resolves with its end. */
export async function runService(environment: Environment): Promise<Ended> {
  const { ended, kill } = await spawn(environment);
  const timer = setTimeout(kill, FAILED_START_MS);
  const result = await ended;
  clearTimeout(timer);
  return result;
}

/** Starts a service and resolves when it listens. The caller ends it. */
export async function startService(environment: Environment): Promise<ServiceProcess> {
  const spawned = await spawn(environment);
  try {
    const [, url = ""] = await spawned.says(/listening on (http:\/\/[\w.:]+)/);
    return { ...spawned, url };
  } catch (error) {
    await spawned.kill();
    throw error;
  }
}

async function spawn(environment: Environment): Promise<Omit<ServiceProcess, "url">> {
  const rights = await rightsOfStart(environment);
  const preload = CLOCK_AHEAD in environment
    ? ["--preload", "tests/support/services/clock_ahead.ts"]
    : [];
  const args = ["run", "--cached-only", ...preload, ...rights, "server/cli/main.ts", "start"];
  const descriptors = environment[DESCRIPTORS];
  const limited = ["-c", `ulimit -n ${descriptors}; exec "$@"`, "sh", Deno.execPath(), ...args];
  const child = new Deno.Command(descriptors === undefined ? Deno.execPath() : "sh", {
    args: descriptors === undefined ? args : limited,
    cwd: ROOT,
    env: {
      ...UNSET,
      NO_COLOR: "1",
      LOG_FORMAT: "json",
      PORT: "0",
      WEIR_DEV_KEY: KEY,
      ...environment,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = new Collected(child.stdout);
  const stderr = new Collected(child.stderr);
  let running = true;
  const ended = Promise.all([child.status, stdout.all, stderr.all])
    .then(([{ code }]) => ({ code, stdout: stdout.text, stderr: stderr.text }))
    .finally(() => running = false);
  const signal = (name: Deno.Signal) => {
    try {
      if (running) child.kill(name);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has just ended by itself
    }
  };
  return {
    ended,
    signal,
    pid: child.pid,
    residentBytes: () => residentBytesOf(child.pid),
    cpuMs: () => cpuMsOf(child.pid),
    says: (pattern) =>
      until(`the service to say ${pattern}`, () => {
        const printed = stdout.text + stderr.text;
        const found = pattern.exec(printed);
        if (found === null && !running) throw new Error(`it ended, and had said: ${printed}`);
        return found;
      }),
    stop: () => {
      signal("SIGTERM");
      return ended;
    },
    kill: async () => {
      signal("SIGKILL");
      await ended;
    },
  };
}

/** The resident memory of a process. */
export async function residentBytesOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const [, kibibytes] = /^VmRSS:\s*(\d+) kB$/m.exec(status) ?? [];
  return Number(kibibytes) * 1_024;
}

/** The clock ticks of a second in /proc. */
const TICKS_PER_SECOND = 100;

/** The CPU time that a process has used so far, milliseconds. */
export async function cpuMsOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 1_000 / TICKS_PER_SECOND;
}

/** The permissions that deno.json gives to `start`: a test fails when one is missing there. */
async function rightsOfStart(environment: Environment): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  if (tasks.start.command !== "deno task -q weir server/cli/main.ts start") {
    throw new Error(`another line starts the service than the tests do: ${tasks.start.command}`);
  }
  const [, settings = "", flags = ""] = /^(.*)deno run (.*)$/.exec(tasks.weir.command) ?? [];
  const folder = environment["WEIR_DATA_DIR"] ?? ".weir";
  // Some statements of the line set RUN and WRITE again, where a variable is given.
  const values = { RUN: "", WRITE: "" };
  for (const statement of settings.split(";")) {
    const [, condition, name, value = ""] =
      /^\s*(?:test -z "\$(\w+)" \|\| )?(RUN|WRITE)=(.*)$/.exec(statement) ?? [];
    if (name !== "RUN" && name !== "WRITE") continue;
    if (condition !== undefined && (environment[condition] ?? "") === "") continue;
    values[name] = value.replaceAll('"', "");
  }
  return flags.split(" ").map((flag) =>
    flag.replaceAll('"', "").replace("$RUN", () => values.RUN).replace("$WRITE", () => values.WRITE)
      .replace("$WEIR_DATA_DIR", () => folder)
  );
}

/** The text that a stream has delivered so far. */
class Collected {
  text = "";
  readonly all: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.all = this.#read(stream);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) this.text += chunk;
  }
}
