/** The launchers are found, and their end is noticed; other parents may go. */
import { assertEquals } from "@std/assert";
import { watchLaunchers } from "../../server/launchers.ts";
import type { Process } from "../../server/process_table.ts";

const TERMINAL: Process = { pid: 2, parent: 1, args: ["-bash"] };
const NPX: Process = { pid: 10, parent: 2, args: ["npm exec deno@2.9.6 task start"] };
const SHELL: Process = { pid: 11, parent: 10, args: ["sh", "-c", "'deno' task start"] };
const OUTER: Process = { pid: 12, parent: 11, args: ["deno", "task", "start"] };
const INNER: Process = { pid: 13, parent: 12, args: ["/x/deno", "task", "-q", "weir"] };
const BY_NPX = [TERMINAL, NPX, SHELL, OUTER, INNER];
/** `deno task start` typed into a terminal. */
const BY_HAND = [TERMINAL, { ...OUTER, parent: TERMINAL.pid }, INNER];

/** The processes of a test. The service is a child of the last one. */
class Family {
  readonly #processes: Map<number, Process>;
  #parent: number;
  #looks = 0;
  #onLook: () => void = () => undefined;

  constructor(processes: readonly Process[]) {
    this.#processes = new Map(processes.map((process) => [process.pid, process]));
    this.#parent = processes.at(-1)?.pid ?? 1;
  }

  /** Ends a process. Its children get the process `heir` as their parent. */
  end(pid: number, heir = 1): void {
    this.#processes.delete(pid);
    for (const process of this.#processes.values()) {
      if (process.parent === pid) this.#processes.set(process.pid, { ...process, parent: heir });
    }
    if (this.#parent === pid) this.#parent = heir;
  }

  read = (pid: number) => Promise.resolve(this.#processes.get(pid) ?? null);

  parentsOf = (pids: readonly number[]) => {
    const living = pids.flatMap((pid) => this.#processes.get(pid) ?? []);
    return Promise.resolve(new Map(living.map(({ pid, parent }) => [pid, parent])));
  };

  /** Makes `change` after the first looks. @returns the launcher that was found gone; null: none */
  async watch(change: () => void = () => undefined, byNpx = false): Promise<string | null> {
    const said = Promise.withResolvers<string | null>();
    const end = watchLaunchers({
      parent: () => {
        this.#looks++;
        this.#onLook();
        return this.#parent;
      },
      byNpx,
      table: this,
      onGone: (name) => said.resolve(name),
      lookMs: 1,
    });
    const afterLooks = (looks: number) => {
      const { promise, resolve } = Promise.withResolvers<null>();
      this.#onLook = () => this.#looks >= looks && resolve(null);
      return Promise.race([promise, said.promise]);
    };
    await afterLooks(3);
    change();
    const name = await afterLooks(this.#looks + 4);
    await end();
    return name;
  }
}

Deno.test("the end of each launcher is noticed, and is named", async () => {
  const launchers = [[NPX, "npm"], [SHELL, "sh"], [OUTER, "deno"], [INNER, "deno"]] as const;
  for (const [{ pid }, name] of launchers) {
    const family = new Family(BY_NPX);
    assertEquals(await family.watch(() => family.end(pid)), name, `the end of ${pid}`);
  }
  for (const { pid } of [OUTER, INNER]) {
    const family = new Family(BY_HAND);
    assertEquals(await family.watch(() => family.end(pid, 2)), "deno", `the end of ${pid}`);
  }
});

Deno.test("a parent that is no launcher may go, and the service stays", async () => {
  const others: readonly (readonly Process[])[] = [
    BY_NPX,
    BY_HAND,
    [TERMINAL, { pid: 3, parent: 2, args: ["bash", "-c", "deno task start &"] }, {
      ...OUTER,
      parent: 3,
    }],
    [{ pid: 3, parent: 1, args: ["python3", "start_deno.py"] }],
    [{ pid: 3, parent: 1, args: ["deno", "run", "-A", "start.ts"] }],
    [{ pid: 3, parent: 1, args: ["deno", "test", "-A"] }],
    [{ pid: 3, parent: 1, args: ["node", "start.js", "deno"] }],
  ];
  for (const family of others) {
    const [top] = family;
    const processes = new Family(family);
    const ended = await processes.watch(() => {
      processes.end(2);
      processes.end(3);
    });
    assertEquals(ended, null, JSON.stringify(top));
  }
});

Deno.test("npm under another name, its script and the script of the package deno are launchers", async () => {
  const chains: readonly (readonly Process[])[] = [
    [{ ...NPX, args: ["node", "/usr/lib/npm/bin/npx-cli.js", "-y", "deno"] }, SHELL, OUTER],
    [{ ...NPX, args: ["node", "/usr/bin/npx", "-y", "deno"] }, { ...OUTER, parent: 10 }],
    [{ ...NPX, args: ["npm run weir"] }, SHELL, OUTER],
    [NPX, SHELL, { pid: 14, parent: 11, args: ["node", "/x/.bin/deno", "task"] }, {
      ...OUTER,
      parent: 14,
    }],
    [
      NPX,
      { pid: 15, parent: 10, args: ["sh", "-c", "npm run weir"] },
      {
        pid: 16,
        parent: 15,
        args: ["npm run weir"],
      },
      { ...SHELL, parent: 16 },
      OUTER,
    ],
  ];
  for (const chain of chains) {
    const family = new Family([TERMINAL, ...chain]);
    const name = await family.watch(() => family.end(NPX.pid));
    assertEquals(typeof name, "string", JSON.stringify(chain));
  }
});

Deno.test("a service whose npx ended before anybody looked is an orphan", async () => {
  const orphan = { ...OUTER, parent: 1 };
  assertEquals(await new Family([orphan, INNER]).watch(() => undefined, true), "npx");
  const systemd: Process = { pid: 5, parent: 1, args: ["/lib/systemd/systemd", "--user"] };
  const adopted = { ...OUTER, parent: 5 };
  assertEquals(await new Family([systemd, adopted, INNER]).watch(() => undefined, true), "npx");
  assertEquals(await new Family([orphan, INNER]).watch(), null, "as under systemd, without npx");
  assertEquals(await new Family(BY_HAND).watch(() => undefined, true), null, "npx is far above");
  assertEquals(await new Family(BY_NPX).watch(() => undefined, true), null);
  for (const first of [["npm exec deno@2.9.6"], ["sh", "-c", "npx -y deno task start"]]) {
    const container = [{ pid: 1, parent: 0, args: first }, orphan, INNER];
    assertEquals(await new Family(container).watch(() => undefined, true), null, `${first}`);
  }
});
