/**
 * The service as a process: embedded services around an instance, and signals.
 */
import type { Config } from "./config.ts";
import { type EmbeddedServices, startEmbedded } from "./embedded/mod.ts";
import { type Instance, startInstance } from "./instance.ts";
import { getLogger } from "./telemetry/log.ts";

const log = getLogger(["weir"]);

export interface ServiceHooks {
  /** Called when orders are taken; the service ends when it resolves, if it does. */
  readonly onReady?: (service: RunningService) => Promise<void>;
}

export interface RunningService {
  readonly url: string;
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  /** Aborts when the service has been told to end. */
  readonly signal: AbortSignal;
}

/**
 * Runs the service until a signal, or until `onReady` resolves.
 * @throws what kept it from starting.
 */
export async function runService(config: Config, hooks: ServiceHooks): Promise<void> {
  const stopping = new AbortController();
  const removeSignals = onSignals(stopping);
  const embedded = await startNeeded(config);
  try {
    const databaseUrl = config.databaseUrl ?? embedded?.postgres?.url;
    if (databaseUrl === undefined) throw new Error("neither DATABASE_URL nor embedded PostgreSQL");
    const redisUrl = config.redisUrl ?? embedded?.redis?.url ?? null;
    const instance = await startInstance({ config, databaseUrl, redisUrl });
    const url = `http://${config.host}:${instance.port}`;
    log.info(`listening on ${url}`);
    stopping.signal.addEventListener("abort", () => void instance.stop());
    if (stopping.signal.aborted) void instance.stop();
    await Promise.all([
      instance.ended(),
      whenReady(instance, stopping, async () => {
        log.info("ready");
        await hooks.onReady?.({ url, databaseUrl, redisUrl, signal: stopping.signal });
        if (hooks.onReady !== undefined) stopping.abort();
      }),
    ]);
    log.info("stopped");
  } finally {
    await embedded?.stop();
    removeSignals();
  }
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

/** Starts what no URL was given for; null when both were given. */
async function startNeeded(config: Config): Promise<EmbeddedServices | null> {
  if (config.databaseUrl !== null) return null;
  return await startEmbedded({
    dataDir: config.dataDir,
    postgres: true,
    redis: config.redisUrl === null,
    onEvent: ({ service, kind, message }) => log.info(message, { service, kind }),
  });
}

/** The first signal aborts `stopping`; the second ends the process. @returns what undoes it. */
function onSignals(stopping: AbortController): () => void {
  const handle = () => {
    if (stopping.signal.aborted) Deno.exit(1);
    log.info("stopping; once more to end at once");
    stopping.abort();
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, handle);
  return () => {
    for (const signal of signals) Deno.removeSignalListener(signal, handle);
  };
}
