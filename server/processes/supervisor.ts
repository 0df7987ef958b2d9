/**
 * The supervisor of a service with several processes (WEIR_PROCESSES). Each process is an instance of
 * its own, and all listen on one port, among which the system shares out the connections. The
 * supervisor takes no order. It starts the processes, starts one again that has ended, stops all
 * together, and gathers their metrics.
 *
 * To the rest of the program the processes together are one instance.
 *
 * Tested in tests/system/process/processes_test.ts.
 */
import { ProcessFailed } from "../child_process.ts";
import { pause } from "../../sql/waiting.ts";
import type { Config } from "../config.ts";
import { ListenError } from "../front/connections/listen_error.ts";
import { type MetricsServer, type Scraped, serveMetrics } from "../front/metrics_door.ts";
import type { Instance, InstanceOptions } from "../instance.ts";
import { processTable } from "../process_table.ts";
import { getLogger } from "../telemetry/log.ts";
import { KeptProcess } from "./kept_process.ts";
import { METRICS_TYPE } from "./merged_metrics.ts";
import { Switchboard } from "./switchboard.ts";

const log = getLogger(["weir", "processes"]);

/** A process that has not ended this long after WEIR_SHUTDOWN_MS is killed. */
const LAST_MOMENTS_MS = 4_000;
/** Processes that a killed supervisor has left end within this time when they have nothing to do. */
const FREE_MS = 2_000;
const PROBE_AGAIN_MS = 100;
/** The file that every task runs, by which a command line is cut. */
const ENTRANCE = /server\/cli\/main\.ts$/;

/** Starts all processes, and resolves when they listen. @throws ListenError, ProcessFailed */
export async function startProcesses(options: InstanceOptions): Promise<Instance> {
  const { config } = options;
  const { args, isWatched } = await startOfThis();
  const port = await freePort(config, isWatched ? config.shutdownMs + LAST_MOMENTS_MS : FREE_MS);
  const numbers = Array.from({ length: config.processes }, (_, index) => String(index + 1));
  const [listening, ready] = [new Gathering(numbers), new Gathering(numbers)];
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const processes = new Map<string, KeptProcess>();
  let hasKeys: boolean | null = null;
  const switchboard = new Switchboard({
    listens: (number) => listening.add(number),
    isReady: (number, said) => {
      hasKeys = said.hasKeys ?? hasKeys;
      const process = processes.get(number);
      if (process !== undefined && process.restarts > 0) {
        log.info(`process ${number} is ready again`);
      }
      process?.ready();
      ready.add(number);
    },
  }, () => new Map(Array.from(processes, ([number, { restarts }]) => [number, restarts])));
  const scraped: Scraped = { contentType: METRICS_TYPE, metrics: () => switchboard.metrics() };
  const metricsServer = await serveMetricsOf(config, scraped, failure.reject);
  for (const number of numbers) {
    const env = environmentOf(options, port, switchboard.addressOf(number));
    // In a session of its own, so that Ctrl-C in a terminal reaches the supervisor alone.
    const command = new Deno.Command("env", { args, env, stdin: "null", detached: true });
    processes.set(number, new KeptProcess(number, command, failure.reject));
  }
  const isOver = Promise.withResolvers<void>();
  let stopping: Promise<void> | null = null;
  const stopAll = async () => {
    const timeoutMs = config.shutdownMs + LAST_MOMENTS_MS;
    await Promise.all(Array.from(processes.values(), (process) => process.stop(timeoutMs)));
    await metricsServer?.stop();
    await switchboard.close();
    isOver.resolve();
  };
  const stop = () => stopping ??= stopAll();
  /** Waits for the event, or for the end. What has failed ends all, before the failure is told. */
  const orEnd = (event: Promise<void>) =>
    Promise.race([event, isOver.promise, failure.promise]).catch(async (error) => {
      await stop();
      throw error;
    });
  options.signal?.addEventListener("abort", stop, { once: true });
  if (options.signal?.aborted === true) void stop();
  await orEnd(listening.isWhole);
  options.signal?.removeEventListener("abort", stop); // from here on the service decides when
  return {
    port,
    metricsPort: metricsServer?.port ?? null,
    scraped,
    ready: () => orEnd(ready.isWhole),
    hasKeys: () =>
      hasKeys === null ? Promise.reject(new Error("no process knows")) : Promise.resolve(hasKeys),
    ended: () => orEnd(isOver.promise),
    stop,
    kill: () => processes.forEach((process) => process.kill()),
  };
}

/** Waits until each of some has said a thing once. */
class Gathering {
  readonly #missing: Set<string>;
  readonly #whole = Promise.withResolvers<void>();

  constructor(numbers: readonly string[]) {
    this.#missing = new Set(numbers);
  }

  get isWhole(): Promise<void> {
    return this.#whole.promise;
  }

  add(number: string): void {
    this.#missing.delete(number);
    if (this.#missing.size === 0) this.#whole.resolve();
  }
}

async function serveMetricsOf(
  config: Config,
  scraped: Scraped,
  onLost: (error: Error) => void,
): Promise<MetricsServer | null> {
  const { metricsPort } = config;
  return metricsPort === null ? null : await serveMetrics({
    ...config,
    metricsPort,
    scraped,
    onLost,
  });
}

/** How this program was started: the arguments of `env` for one more, with the same permissions. */
async function startOfThis(): Promise<{ args: string[]; isWatched: boolean }> {
  const own = await processTable.read(Deno.pid);
  const end = own?.args.findIndex((arg) => ENTRANCE.test(arg)) ?? -1;
  if (own === null || end === -1) {
    throw new ProcessFailed("WEIR_PROCESSES needs Linux, and the right to run `cat` and `env`");
  }
  const flags = own.args.slice(1, end + 1).filter((arg) => !/^--(watch|inspect)/.test(arg));
  return { args: [Deno.execPath(), ...flags, "start"], isWatched: own.args.includes("--watch") };
}

/** The variables of a process, besides those that the supervisor has itself. */
function environmentOf(
  { config, databaseUrl, redisUrl }: InstanceOptions,
  port: number,
  supervisor: string,
): Record<string, string> {
  return {
    PORT: String(port),
    WEIR_SUPERVISOR: supervisor,
    ...(config.databaseUrl === null ? { DATABASE_URL: databaseUrl } : {}),
    ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
    ...(config.devKey === null ? {} : { WEIR_DEV_KEY: config.devKey }),
    LOG_FORMAT: config.logFormat,
  };
}

/**
 * The port of the service. The processes may share it with any process of this user, so nobody else
 * may have it now. Processes of a supervisor before this one may still be ending: it waits for them.
 * @throws ListenError
 */
async function freePort(
  { host, port }: Pick<Config, "host" | "port">,
  timeoutMs: number,
): Promise<number> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      const probe = Deno.listen({ hostname: host, port });
      probe.close();
      return probe.addr.port;
    } catch (error) {
      const isInUse = error instanceof Deno.errors.AddrInUse;
      if (!isInUse || performance.now() > end) {
        const code = isInUse ? { code: "EADDRINUSE" } : {};
        throw new ListenError({ host, port }, Object.assign(error as Error, code));
      }
      await pause(PROBE_AGAIN_MS);
    }
  }
}
