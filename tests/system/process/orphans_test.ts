/**
 * A command of the README leaves no process behind, whichever of its processes is ended: npx, its
 * `deno task`, the inner `deno task`, or the terminal. Each run starts a service with everything
 * embedded.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { until, withFolder } from "../../support/services/services.ts";

const ROOT = new URL("../../../", import.meta.url);

interface Listed {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** A command of the README that runs in a session of its own, with all processes below it. */
class Launched {
  printed = "";
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #reading: Promise<unknown>;

  constructor(readonly child: Deno.ChildProcess) {
    this.ended = child.status;
    this.#reading = Promise.all([this.#read(child.stdout), this.#read(child.stderr)]);
  }

  /** Runs `use` with the command, and kills whatever is left of it. */
  static async run(
    program: readonly string[],
    dataDir: string,
    use: (launched: Launched) => Promise<void>,
  ): Promise<void> {
    const [first = "", ...args] = program;
    const child = new Deno.Command(first, {
      args,
      cwd: ROOT,
      env: { WEIR_DATA_DIR: dataDir, PORT: "0", LOG_FORMAT: "text", NO_COLOR: "1", ...UNSET },
      stdin: "piped", // a shell that reads a line must wait for it
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
    const launched = new Launched(child);
    try {
      await use(launched);
    } finally {
      await launched.#kill();
      await launched.#end();
    }
  }

  /** Kills the family, or the process group of the command when the family cannot be listed. */
  async #kill(): Promise<void> {
    const family = await this.family().catch(() => [{ pid: -this.child.pid }]);
    for (const { pid } of family) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error; // it has ended meanwhile
      }
    }
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.printed += text;
  }

  async says(pattern: RegExp): Promise<void> {
    await until(`the service to say ${pattern}`, () => pattern.test(this.printed), 90_000);
  }

  /** Everything that the command has started, top down. The first one is the command itself. */
  async family(): Promise<Listed[]> {
    const all = await processes();
    const found = all.filter(({ pid }) => pid === this.child.pid);
    for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
    return found;
  }

  /** Waits until none of `family` lives, and kills what is left when that takes too long. */
  async expectGone(family: readonly Listed[]): Promise<void> {
    const pids = new Set(family.map(({ pid }) => pid));
    try {
      await until("every process of the command to be gone", async () => {
        return !(await processes()).some(({ pid }) => pids.has(pid));
      }, 40_000);
    } finally {
      for (const { pid } of await processes()) if (pids.has(pid)) Deno.kill(pid, "SIGKILL");
    }
  }

  async #end(): Promise<void> {
    await this.child.stdin.close().catch(() => undefined); // it has ended with its process
    await this.ended;
    await this.#reading;
  }
}

const UNSET = { DATABASE_URL: "", REDIS_URL: "", WEIR_DEV_KEY: "", LOG_LEVEL: "", HOST: "" };

/** All living processes of the machine. */
async function processes(): Promise<Listed[]> {
  const found: Listed[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = await Deno.readTextFile(`/proc/${name}/stat`);
      const [, state, parent] = /\) (\S) (\d+) /.exec(stat) ?? [];
      const command = (await Deno.readTextFile(`/proc/${name}/cmdline`)).replaceAll("\0", " ");
      if (state !== "Z") found.push({ pid: Number(name), parent: Number(parent), command });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

const NPX = ["npx", "-y", `deno@${Deno.version.deno}`, "task"];
const TASK = [Deno.execPath(), "task"];
const READY = / ready$/m;
const SENDS = /^\d\d+ orders acknowledged/m;

interface Case {
  readonly command: readonly string[];
  readonly runs: RegExp;
  /** Matches command lines. The first process that matches is ended. */
  readonly ended: RegExp;
  readonly by: Deno.Signal;
}

const IS_TASK = /deno task/;
const IS_INNER = /deno task -q/;
const IS_SERVICE = /deno run .*main\.ts/;

const CASES: Readonly<Record<string, Case>> = {
  "start, npx by SIGTERM": {
    command: [...NPX, "start"],
    runs: READY,
    ended: /^npm/,
    by: "SIGTERM",
  },
  "demo, npx by SIGKILL": { command: [...NPX, "demo"], runs: SENDS, ended: /^npm/, by: "SIGKILL" },
  "start, deno task by SIGKILL": {
    command: [...TASK, "start"],
    runs: READY,
    ended: IS_TASK,
    by: "SIGKILL",
  },
  "demo, the inner deno task by SIGKILL": {
    command: [...TASK, "demo"],
    runs: SENDS,
    ended: IS_INNER,
    by: "SIGKILL",
  },
  "dev, deno task by SIGKILL": {
    command: [...TASK, "dev"],
    runs: READY,
    ended: IS_TASK,
    by: "SIGKILL",
  },
  "start, its terminal": {
    command: [...TASK, "start"],
    runs: READY,
    ended: IS_SERVICE,
    by: "SIGHUP",
  },
};

for (const [name, { command, runs, ended, by }] of Object.entries(CASES)) {
  Deno.test(`a command of the README leaves no process behind: ${name}`, () =>
    withFolder((dataDir) =>
      Launched.run(command, dataDir, async (launched) => {
        await launched.says(runs);
        const family = await launched.family();
        assert(family.some((one) => one.command.includes("postgres")), "PostgreSQL runs");
        const target = family.find((one) => ended.test(one.command));
        assert(target !== undefined, family.map((one) => one.command).join("\n"));
        Deno.kill(target.pid, by);
        await launched.expectGone(family);
      })
    ));
}

Deno.test("a task that has started the database stops it when its terminal ends", () =>
  withFolder((dataDir) =>
    Launched.run([...TASK, "rebuild"], dataDir, async (launched) => {
      const family = await until("the database to run", async () => {
        const found = await launched.family();
        return found.some(({ command }) => / -D .*port=/.test(command)) ? found : null;
      }, 60_000);
      const task = family.find((one) => IS_SERVICE.test(one.command));
      assert(task !== undefined);
      Deno.kill(task.pid, "SIGHUP"); // the migrations are under way
      await launched.expectGone(family);
      assertMatch(launched.printed, /weir: interrupted/);
    })
  ));

Deno.test("the embedded services of a service that was killed are taken over by the next start", () =>
  withFolder(async (dataDir) => {
    let orphans: Listed[] = [];
    await Launched.run([...TASK, "start"], dataDir, async (launched) => {
      await launched.says(READY);
      const family = await launched.family();
      const service = family.find((one) => IS_SERVICE.test(one.command));
      assert(service !== undefined);
      Deno.kill(service.pid, "SIGKILL");
      await launched.ended;
      const isOrphan = await alive();
      orphans = family.filter(({ pid, command }) => isOrphan(pid) && /-D |redis/.test(command));
      assert(orphans.length > 0, "PostgreSQL and Redis live on");
    });
    await Launched.run([...TASK, "start"], dataDir, async (launched) => {
      await launched.says(READY);
      assertMatch(launched.printed, /stopped PostgreSQL of an earlier run/);
      const isLeft = await alive();
      assertEquals(orphans.filter(({ pid }) => isLeft(pid)), []);
      const family = await launched.family();
      Deno.kill(launched.child.pid, "SIGTERM");
      await launched.expectGone(family);
    });
  }));

Deno.test("a service outlives a shell that only started it", () =>
  withFolder(async (dataDir) => {
    const script = `'${Deno.execPath()}' task start & read line`;
    await Launched.run(["sh", "-c", script], dataDir, async (launched) => {
      await launched.says(READY);
      const [shell, ...family] = await launched.family();
      assert(shell !== undefined && family.length > 3);
      Deno.kill(shell.pid, "SIGKILL");
      const endedAt = performance.now();
      await until("some looks at the parents", () => performance.now() - endedAt > 3_500);
      const isAlive = await alive();
      assertEquals(family.filter(({ pid }) => !isAlive(pid)), []);
      Deno.kill(family[0]!.pid, "SIGTERM");
      await launched.expectGone(family);
    });
  }));

async function alive(): Promise<(pid: number) => boolean> {
  const pids = new Set((await processes()).map(({ pid }) => pid));
  return (pid) => pids.has(pid);
}
