/**
 * PostgreSQL and Redis as processes of the test's own. A test can kill, stop and start them again
 * on the same port and data. Nothing watches over them: an ended server stays ended until the test
 * starts it.
 *
 * `kill` and `freeze` send their signal to every process of the server, because its children have
 * process groups of their own.
 */
import { answersQueries } from "../../../sql/connection/bootstrap.ts";
import { type DataFolder, openDataFolder } from "../../../server/embedded/data_folder.ts";
import { locatePostgres } from "../../../server/embedded/postgres_binaries.ts";
import { ensureCluster } from "../../../server/embedded/postgres_cluster.ts";
import {
  findRedis,
  invocation,
  type RedisProgram,
} from "../../../server/embedded/redis_package.ts";
import { command, findRunner } from "../../../server/embedded/unprivileged.ts";
import { askRedisAt } from "./redis.ts";
import { temporaryFolder, until } from "./services.ts";

export type Settings = Readonly<Record<string, string>>;

/** How a server is started, and how one sees that it works. */
export interface Plan {
  readonly url: string;
  /** The folder of the server's files. */
  readonly path: string;
  readonly stopSignal: Deno.Signal;
  command(settings: Settings, options: Deno.CommandOptions): Deno.Command;
  answers(): Promise<boolean>;
  /** Closes the folder, and removes it unless it was given. */
  end(): Promise<void>;
}

export class ServerProcess {
  #child: Deno.ChildProcess | null = null;
  #frozen: readonly number[] = [];

  constructor(readonly plan: Plan, readonly settings: Settings) {}

  get url(): string {
    return this.plan.url;
  }

  /** False when the server was ended, or has ended itself. */
  get runs(): boolean {
    return this.#child !== null;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Starts the server and resolves when it answers. */
  async start(settings: Settings = {}): Promise<void> {
    await until("the server to start", async () => {
      // After a kill the first start may fail: the memory or the port may still be taken.
      const child = this.plan.command({ ...this.settings, ...settings }, {
        stdin: "null",
        stdout: "null",
        stderr: "null",
        detached: true,
      }).spawn();
      let running = true;
      const ended = child.status.then(() => running = false);
      while (running) {
        if (await this.plan.answers() && running) {
          this.#child = child;
          ended.then(() => {
            if (this.#child === child) this.#child = null;
          });
          return true;
        }
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))]);
      }
      return false;
    }, 60_000);
  }

  /** Ends all its processes as a crash does, and waits until they are gone. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL", await this.#family());
  }

  /** Ends the server in order. May be called when the server does not run. */
  async stop(): Promise<void> {
    await this.thaw();
    if (this.#child !== null) await this.#end(this.plan.stopSignal, [this.#child.pid]);
  }

  /** Stops all its processes with SIGSTOP: their sockets stay open and nobody answers. */
  async freeze(): Promise<void> {
    this.#frozen = await this.#family();
    for (const pid of this.#frozen) signal(pid, "SIGSTOP");
  }

  async thaw(): Promise<void> {
    for (const pid of this.#frozen) signal(pid, "SIGCONT");
    this.#frozen = [];
    await Promise.resolve();
  }

  /** Stops the server and removes its files. */
  async dispose(): Promise<void> {
    await this.thaw();
    await this.stop();
    await this.plan.end();
  }

  async #end(name: Deno.Signal, pids: readonly number[]): Promise<void> {
    for (const pid of pids) signal(pid, name);
    this.#frozen = [];
    await this.#child?.status;
    this.#child = null;
    await until("the processes of the server to be gone", async () => {
      const left = new Set((await processes()).map(({ pid }) => pid));
      return !pids.some((pid) => left.has(pid));
    });
  }

  /** The server and its children, the server first. */
  async #family(): Promise<number[]> {
    const root = this.#child?.pid;
    if (root === undefined) return [];
    const children = (await processes()).filter(({ parent }) => parent === root);
    return [root, ...children.map(({ pid }) => pid)];
  }
}

/** Starts a durable PostgreSQL, in a folder of its own unless one is given. */
export async function startPostgres(
  settings: Settings = {},
  path?: string,
): Promise<ServerProcess> {
  const folder = await openFolder(path);
  return await begin(await postgresPlan(folder), { fsync: "on", ...settings }, folder);
}

/** Starts a Redis with the settings that the overflow needs. `settings` replaces some of them. */
export async function startRedis(
  settings: Settings = {},
  program?: RedisProgram,
): Promise<ServerProcess> {
  const folder = await openFolder();
  return await begin(await redisPlan(folder, program), { ...DURABLE_REDIS, ...settings }, folder);
}

const DURABLE_REDIS: Settings = {
  appendonly: "yes",
  appendfsync: "always",
  "no-appendfsync-on-rewrite": "no",
  save: `""`,
  "maxmemory-policy": "noeviction",
};

/** Plans a PostgreSQL with its data in `folder`. */
async function postgresPlan(folder: DataFolder): Promise<Plan> {
  const binaries = await locatePostgres();
  const runner = await findRunner(binaries.postgres, folder.path);
  const path = folder.at("postgres");
  const onEvent = () => undefined;
  const password = await ensureCluster(
    { folder, path, user: "weir", binaries, runner, onEvent },
    false, // no sync of initdb's files: tests do not crash the machine
  );
  const port = String(freePort());
  const url = `postgres://weir:${password}@127.0.0.1:${port}/weir`;
  return {
    url,
    path: folder.path,
    stopSignal: "SIGINT",
    command: (settings, options) => {
      const all = {
        listen_addresses: "127.0.0.1",
        unix_socket_directories: "",
        timezone: "UTC",
        port,
        ...settings,
      };
      const given = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
      return runner.command(binaries.postgres, ["-D", path, ...given], options);
    },
    answers: () => answersQueries(url, 1_000),
    end: () => discard(folder),
  };
}

/** Plans a Redis, `chosen` or the usual one. @throws Error with one line how to get one */
async function redisPlan(folder: DataFolder, chosen?: RedisProgram): Promise<Plan> {
  const program = chosen ?? await findRedis(folder, () => undefined);
  if ("unavailable" in program) throw new Error(`this test needs Redis: ${program.unavailable}`);
  const data = folder.at("redis");
  await Deno.mkdir(data, { recursive: true });
  const port = String(freePort());
  const url = `redis://127.0.0.1:${port}/0`;
  return {
    url,
    path: folder.path,
    stopSignal: "SIGTERM",
    command: (settings, options) => {
      const all = { bind: "127.0.0.1", port, dir: data, daemonize: "no", ...settings };
      const lines = Object.entries(all).map(([name, value]) => `${name} ${value}\n`);
      Deno.writeTextFileSync(folder.at("redis.conf"), lines.join(""));
      const [first = "", ...rest] = invocation(program, folder.at("redis.conf"));
      return command(first, rest, options);
    },
    answers: () => answersPing(url),
    end: () => discard(folder),
  };
}

async function begin(plan: Plan, settings: Settings, folder: DataFolder): Promise<ServerProcess> {
  const server = new ServerProcess(plan, settings);
  try {
    await server.start();
    return server;
  } catch (error) {
    await discard(folder);
    throw error;
  }
}

/** A given folder stays. A folder that is made here is removed at the end. */
async function openFolder(path?: string): Promise<DataFolder> {
  if (path === undefined) return await openDataFolder(await temporaryFolder());
  const folder = await openDataFolder(path);
  given.add(folder);
  return folder;
}

const given = new WeakSet<DataFolder>();

async function discard(folder: DataFolder): Promise<void> {
  folder.close();
  if (!given.has(folder)) await Deno.remove(folder.path, { recursive: true });
}

function answersPing(url: string): Promise<boolean> {
  return askRedisAt(url, (redis) => redis.ping()).then((answer) => answer === "PONG", () => false);
}

/** A port that is free now. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Sends a signal to a process, if it still runs. */
export function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** All living processes of the machine, each with its parent. */
export async function processes(): Promise<{ pid: number; parent: number }[]> {
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", "cat /proc/[0-9]*/stat 2>/dev/null"],
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout).split("\n").flatMap((line) => {
    const [, pid, state, parent] = /^(\d+) \(.*\) (\S) (\d+)/.exec(line) ?? [];
    return pid === undefined || state === "Z" ? [] : [{ pid: Number(pid), parent: Number(parent) }];
  });
}
