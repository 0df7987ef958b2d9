/**
 * One instance of Weir: its life from start to stop, as the system's machine decides it.
 */
import { createActor, waitFor } from "xstate";
import { systemMachine } from "../actors/system_machine.ts";
import { nextHostFirst } from "../sql/connection/pool.ts";
import { migrate } from "../sql/migrate.ts";
import type { Config } from "./config.ts";
import { type HttpServer, serveHttp } from "./front/http.ts";
import { assembleParts, type Parts } from "./parts.ts";
import { PATIENCE_MS } from "./front/slow_clients.ts";
import { cannotBeCured } from "./start_failure.ts";
import { describe, getLogger } from "./telemetry/log.ts";

const log = getLogger(["weir"]);

export interface InstanceOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  /** Null: without Redis. */
  readonly redisUrl: string | null;
  /** How long a client is waited for; left out: slow_clients.ts. */
  readonly patienceMs?: number;
}

export interface Instance {
  readonly port: number;
  /** Resolves when orders are taken. @throws what made that impossible. */
  ready(): Promise<void>;
  /** Resolves when nothing runs any more; rejects with what ended it, unless it was `stop`. */
  ended(): Promise<void>;
  /** Finishes what is under way, within `WEIR_SHUTDOWN_MS`. Legal twice. */
  stop(): Promise<void>;
}

/** What calls under way get to end, after the orders among them were answered. */
const LAST_CALLS_MS = 1_000;

/** Starts an instance. The database and Redis may be away. @throws when the port is taken. */
export async function startInstance(options: InstanceOptions): Promise<Instance> {
  const { config } = options;
  let { databaseUrl } = options;
  const parts = assembleParts(options);
  let http: HttpServer;
  const system = createActor(systemMachine, {
    input: {
      prepare: async () => {
        const url = databaseUrl;
        databaseUrl = nextHostFirst(url); // of several hosts the next try asks the next one
        const { applied } = await migrate({ databaseUrl: url });
        for (const name of applied) log.info(`applied migration ${name}`);
      },
      drain: () => drain(parts, http, config.shutdownMs),
      isFatal: cannotBeCured,
      onPrepareFailed: (error, retryAfterMs) =>
        log.warn(`the database is away: ${describe(error)}`, { retryAfterMs }),
      backoff: { firstMs: 250, maxMs: 2_000 },
      random: Math.random,
    },
  });
  system.subscribe({ error: (error) => log.fatal(`a bug in the system: ${describe(error)}`) });
  const isReady = () => system.getSnapshot().value === "serving" && parts.takesOrders();
  try {
    const { port, host } = config;
    const { patienceMs = PATIENCE_MS } = options;
    http = serveHttp({ ...parts, port, host, isReady, patienceMs });
  } catch (error) {
    await stopParts(parts, 0);
    throw error;
  }
  system.start();

  const ended = waitFor(system, (snapshot) => snapshot.status !== "active");
  return {
    port: http.port,
    ready: async () => {
      const { context } = await waitFor(
        system,
        ({ value }) => value === "serving" || value === "draining" || value === "stopped",
      );
      if (context.failure !== null) throw context.failure;
    },
    ended: async () => {
      const { failure } = (await ended).context;
      if (failure !== null) throw failure;
    },
    stop: async () => {
      system.send({ type: "STOP" });
      await ended;
    },
  };
}

/** Orders first, since their callers wait; then whoever watches; then the connections. */
async function drain(parts: Parts, http: HttpServer, timeoutMs: number): Promise<void> {
  // Past its time, what still hangs on the database is cut off from it, and ends by that.
  const cut = setTimeout(parts.cutConnections, timeoutMs);
  await parts.writer.stop(timeoutMs);
  await parts.aggregator.stop();
  // Sockets first: a subscription that ends before its socket is over for good in tRPC's client,
  // one that loses its socket goes on elsewhere.
  const stopped = http.stop(LAST_CALLS_MS);
  parts.services.statusBoard.stop();
  await parts.hub.stop();
  await stopped;
  await stopParts(parts, timeoutMs);
  clearTimeout(cut);
}

async function stopParts(parts: Parts, timeoutMs: number): Promise<void> {
  await parts.writer.stop(timeoutMs);
  await parts.aggregator.stop();
  await parts.hub.stop();
  await parts.overflow?.stop();
  await parts.bus.stop();
  await parts.closeConnections();
}
