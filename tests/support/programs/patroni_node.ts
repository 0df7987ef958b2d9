/** One node of a Patroni cluster, which a test may kill, freeze and restart. */
import { processes, type ServerProcess, signal } from "../services/server_process.ts";
import { until } from "../services/services.ts";
import type { NodeNetwork } from "./node_network.ts";

const LAST_LINES = 40;
const REST_TIMEOUT_MS = 30_000;

/** A node: Patroni and its PostgreSQL. */
export class PatroniNode {
  #frozen: readonly number[] = [];

  /** @param server Patroni; its URL is PostgreSQL's */
  constructor(
    readonly name: string,
    readonly server: ServerProcess,
    readonly restUrl: string,
    readonly ownNetwork: NodeNetwork | null,
  ) {}

  /** The address for Weir. */
  get url(): string {
    return this.ownNetwork?.clients.through(this.server.url) ?? this.server.url;
  }

  /** @throws Error when the cluster is not cuttable */
  get network(): NodeNetwork {
    if (this.ownNetwork === null) throw new Error("this cluster is not cuttable");
    return this.ownNetwork;
  }

  /** Starts Patroni again after a crash. It starts PostgreSQL. */
  start(): Promise<void> {
    return this.server.start();
  }

  /** Kills Patroni and PostgreSQL at once, as when a machine dies. */
  async crash(): Promise<void> {
    const pids = await this.#family();
    for (const pid of pids) signal(pid, "SIGKILL");
    await this.server.kill();
    await until("its processes to be gone", async () => {
      const left = new Set((await processes()).map(({ pid }) => pid));
      return !pids.some((pid) => left.has(pid));
    });
  }

  async freeze(): Promise<void> {
    this.#frozen = await this.#family();
    for (const pid of this.#frozen) signal(pid, "SIGSTOP");
  }

  thaw(): void {
    for (const pid of this.#frozen) signal(pid, "SIGCONT");
    this.#frozen = [];
  }

  /** Restarts PostgreSQL, which Patroni does in order. */
  async restart(): Promise<void> {
    await askPatroni(`${this.restUrl}/restart`, {});
  }

  /** The end of Patroni's log, which may tell why a test failed. */
  async lastWords(): Promise<string> {
    const text = await Deno.readTextFile(`${this.server.plan.path}/patroni.log`).catch(() => "");
    return [this.name, ...text.split("\n").slice(-LAST_LINES)].join("\n");
  }

  /** Patroni, PostgreSQL and the children of both. PostgreSQL is no child of Patroni's. */
  async #family(): Promise<number[]> {
    const all = await processes();
    const family = new Set(await pidsOf(this.server.plan.path));
    for (let size = -1; size !== family.size;) {
      size = family.size;
      for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
    }
    return [...family];
  }
}

/** The processes in whose command line the folder stands. */
async function pidsOf(folder: string): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const command = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (command.includes(folder)) found.push(Number(name));
  }
  return found;
}

/** Asks Patroni's REST interface. @throws Error with its answer when that is a refusal */
export async function askPatroni<T>(url: string, body?: unknown): Promise<T> {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(url, { ...options, signal: AbortSignal.timeout(REST_TIMEOUT_MS) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
  return (text.startsWith("{") ? JSON.parse(text) : text) as T;
}
