/**
 * The service as a process: embedded services around an instance, signals, and the end of those
 * who started it.
 *
 * Tested in tests/server/service_start_test.ts and service_stop_test.ts.
 */
import type { Config } from "./config.ts";
import { keyOfRun, tellKey } from "./front/keys/dev_key.ts";
import { type EmbeddedServices, startEmbedded } from "./embedded/mod.ts";
import { type Instance, type Sharing, startInstance } from "./instance.ts";
import { watchLaunchers } from "./launchers.ts";
import { endProcess, endSignals, processTable } from "./process_table.ts";
import { METRICS_TYPE } from "./processes/merged_metrics.ts";
import { startProcesses } from "./processes/supervisor.ts";
import { SupervisorLink } from "./processes/supervisor_link.ts";
import { tellBug } from "./telemetry/bugs.ts";
import { getLogger } from "./telemetry/log.ts";

const log = getLogger(["weir"]);

export interface ServiceHooks {
  /**
   * Called when the service takes orders. The service ends when this resolves, not before. A signal
   * only aborts `signal`, so that the hook can finish while the service still answers.
   */
  readonly onReady?: (service: RunningService) => Promise<void>;
}

export interface RunningService {
  readonly url: string;
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  /** Aborts when the service has received a signal to end. */
  readonly signal: AbortSignal;
}

/**
 * Runs the service until a signal, or until `onReady` resolves.
 * @throws what kept it from starting.
 */
export async function runService(config: Config, hooks: ServiceHooks): Promise<void> {
  const stopping = new AbortController();
  let embedded: EmbeddedServices | null = null;
  let instance: Instance | null = null;
  const removeSignals = await onSignals(stopping, async () => {
    instance?.kill?.();
    await embedded?.stop();
  });
  let isLeftWatched = false;
  const endWatch = watchLaunchers({
    parent: () => Deno.ppid,
    byNpx: config.byNpx,
    table: processTable,
    onGone: (name, isWatched) => {
      isLeftWatched = isWatched;
      log.warn(`stopping: ${name}, which started this service, has ended`);
      stopping.abort();
    },
  });
  const removeHandlers = surviveUncaught();
  const link = linkOf(config, stopping);
  try {
    if (link === null) tellDropped(config);
    embedded = await startNeeded(config);
    const databaseUrl = config.databaseUrl ?? embedded?.postgres?.url;
    if (databaseUrl === undefined) throw new Error("neither DATABASE_URL nor embedded PostgreSQL");
    const redisUrl = config.redisUrl ?? embedded?.redis?.url ?? null;
    const key = keyOfRun(config);
    const start = link === null && config.processes > 1 ? startProcesses : startInstance;
    const running = instance = await start({
      config: { ...config, devKey: config.devKey ?? key },
      databaseUrl,
      redisUrl,
      signal: stopping.signal,
      ...(link === null ? {} : { sharing: sharingOf(config, link) }),
    });
    await link?.join(running.scraped);
    const url = urlOf(config, running.port);
    if (link === null) tellAddresses(config, url, running);
    let inUse = false;
    const stop = () => {
      if (stopping.signal.aborted && !inUse) void running.stop();
    };
    stopping.signal.addEventListener("abort", stop);
    stop();
    await Promise.all([
      running.ended(),
      whenReady(running, stopping, async () => {
        if (link !== null) return await link.ready(running.hasKeys);
        log.info("ready");
        await tellKey({ config, key, url, hasKeys: running.hasKeys });
        if (hooks.onReady === undefined) return;
        inUse = true;
        await hooks.onReady({ url, databaseUrl, redisUrl, signal: stopping.signal });
        inUse = false;
        stopping.abort();
        stop(); // a signal may have aborted it before
      }),
    ]);
    log.info("stopped");
  } finally {
    await link?.close();
    await embedded?.stop();
    removeHandlers();
    removeSignals();
    await endWatch();
    if (isLeftWatched) await endProcess(Deno.pid);
  }
}

/** The link to the supervisor, whose end stops this process; null: there is none. */
function linkOf({ supervisor }: Config, stopping: AbortController): SupervisorLink | null {
  if (supervisor === null) return null;
  const link = new SupervisorLink(supervisor);
  void link.ended.then(() => {
    if (!stopping.signal.aborted) log.warn("stopping: the supervisor of this process has ended");
    stopping.abort();
  });
  return link;
}

/** Says which parameters of the connection string are not used. */
function tellDropped(config: Config): void {
  for (const { name, why, weakens } of config.droppedParameters) {
    const line = `DATABASE_URL: ${name} is left out: ${why}`;
    if (weakens) log.warn(line);
    else log.info(line);
  }
}

function urlOf({ host }: Config, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function tellAddresses(config: Config, url: string, { metricsPort }: Instance): void {
  log.info(`listening on ${url}`);
  if (metricsPort !== null) log.info(`metrics on ${urlOf(config, metricsPort)}/metrics`);
}

function sharingOf({ processes }: Config, link: SupervisorLink): Sharing {
  return { processes, scraped: { contentType: METRICS_TYPE, metrics: () => link.metricsOfAll() } };
}

async function whenReady(
  instance: Instance,
  stopping: AbortController,
  then: () => Promise<void>,
): Promise<void> {
  try {
    await instance.ready();
    if (!stopping.signal.aborted) await then();
  } catch (error) {
    await instance.stop();
    throw error;
  }
}

/** Starts the embedded services that are needed; null when DATABASE_URL is given. */
async function startNeeded(config: Config): Promise<EmbeddedServices | null> {
  if (config.databaseUrl !== null) return null;
  return await startEmbedded({
    dataDir: config.dataDir,
    postgres: true,
    redis: config.redisUrl === null,
    onEvent: ({ service, kind, message }) => log.info(message, { service, kind }),
  });
}

/** A signal to a process group arrives twice: directly, and passed on by `deno task`. */
const SAME_SIGNAL_MS = 500;
/** The embedded services have this long when the process ends at once, so that they end too. */
const AT_ONCE_MS = 1_000;

/**
 * The first signal aborts `stopping`, a second one ends the process. The end of the terminal is a
 * signal too, unless the process ignores it, as under `nohup`. @returns an undo function.
 */
async function onSignals(
  stopping: AbortController,
  endEmbedded: () => Promise<void>,
): Promise<() => void> {
  let firstAt = 0;
  const handle = () => {
    if (!stopping.signal.aborted) {
      firstAt = performance.now();
      log.info("stopping; once more to end at once");
      stopping.abort();
    } else if (performance.now() - firstAt > SAME_SIGNAL_MS) {
      setTimeout(() => Deno.exit(1), AT_ONCE_MS);
      endEmbedded().finally(() => Deno.exit(1));
    }
  };
  const signals = await endSignals();
  for (const signal of signals) Deno.addSignalListener(signal, handle);
  return () => {
    for (const signal of signals) Deno.removeSignalListener(signal, handle);
  };
}

/**
 * Logs errors that nobody caught, and goes on. postgres.js 3.4 throws from a callback of its own when
 * a connection is lost at the wrong moment (porsager/postgres issue 1208). That must not end a
 * service that has to outlive its database. No acknowledged order depends on memory.
 */
function surviveUncaught(): () => void {
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    tellBug("a rejection that nobody caught", event.reason);
  };
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    tellBug("an error that nobody caught", event.error);
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  globalThis.addEventListener("error", onError);
  return () => {
    globalThis.removeEventListener("unhandledrejection", onRejection);
    globalThis.removeEventListener("error", onError);
  };
}
