/**
 * One instance of Weir: its life from start to stop, as the system's machine decides it.
 *
 * Tested in tests/server/service_start_test.ts, service_stop_test.ts and two_instances_test.ts.
 */
import { createActor, waitFor } from "xstate";
import { systemMachine } from "../actors/system_machine.ts";
import { anyKeyInForce } from "../sql/api_keys.ts";
import { migrate } from "../sql/migrate.ts";
import { inNetworks } from "./config/networks.ts";
import { type HttpOptions, type HttpServer, KEEP_ALIVE_MS, serveHttp } from "./front/http.ts";
import { visitorBounds } from "./front/connections/descriptors.ts";
import { type MetricsServer, type Scraped, serveMetrics } from "./front/metrics_door.ts";
import { type Parts, type PartsOptions, startParts } from "./parts.ts";
import { CLIENT_TIMEOUT_MS } from "./front/slow_clients.ts";
import { causeOf, StartTries } from "./start_tries.ts";
import { stopParts } from "./stop.ts";
import { tellBug } from "./telemetry/bugs.ts";
import { getLogger } from "./telemetry/log.ts";

const log = getLogger(["weir"]);

export interface InstanceOptions extends PartsOptions {
  /** A client that reads nothing for this time is disconnected; default `CLIENT_TIMEOUT_MS`. */
  readonly clientTimeoutMs?: number;
  /** A quiet event stream gets a comment this often; default `KEEP_ALIVE_MS`. */
  readonly keepAliveMs?: number;
  /** Aborts when the start shall end. An instance by itself starts at once, and does not look. */
  readonly signal?: AbortSignal;
  /** The service that this instance is a process of; default: it is a service by itself. */
  readonly sharing?: Sharing;
}

/** Several instances on one port, each a process. */
export interface Sharing {
  /** How many share the port. */
  readonly processes: number;
  /** The metrics of all. */
  readonly scraped: Scraped;
}

export interface Instance {
  readonly port: number;
  /** Null: metrics have no port of their own. */
  readonly metricsPort: number | null;
  /** Resolves when orders are taken. @throws what made that impossible. */
  ready(): Promise<void>;
  /** The metrics of this instance, and not of those that share its port. */
  readonly scraped: Scraped;
  /** True when the database has an API key that is not revoked. */
  hasKeys(): Promise<boolean>;
  /** Resolves when nothing runs any more; rejects with what ended it, unless it was `stop`. */
  ended(): Promise<void>;
  /** Finishes what is under way, within `WEIR_SHUTDOWN_MS`. Legal twice. */
  stop(): Promise<void>;
  /** Ends the processes of the instance at once, where it has any besides this one. */
  readonly kill?: () => void;
}

/** Starts an instance. The database and Redis may be away. @throws when the port is taken. */
export async function startInstance(options: InstanceOptions): Promise<Instance> {
  const { config, databaseUrl } = options;
  const parts = startParts(options);
  let listening: Listening;
  const tries = new StartTries(() => performance.now());
  const system = createActor(systemMachine, {
    input: {
      prepare: async () => {
        try {
          const { applied } = await migrate({
            databaseUrl: config.directDatabaseUrl ?? databaseUrl,
            apply: config.migrates,
          });
          parts.streaks.preparation.succeeded();
          for (const name of applied) log.info(`applied migration ${name}`);
        } catch (error) {
          tries.failed(error);
          throw error;
        }
        const line = tries.success();
        if (line !== null) log.info(line);
      },
      stop: async () => {
        await stopParts(parts, listening.http, config.shutdownMs);
        await listening.metricsServer?.stop();
      },
      isFatal: (error) => tries.ends(error),
      onPrepareFailed: (error, retryAfterMs) => {
        const line = tries.line(error);
        if (line !== null) log.warn(line, { retryAfterMs });
        parts.streaks.preparation.failed(error, causeOf(error));
        parts.problems.look();
      },
      backoff: { firstMs: 250, maxMs: 2_000 },
      random: Math.random,
    },
  });
  system.subscribe({ error: (error) => tellBug("a bug in the system", error) });
  const isReady = () => system.getSnapshot().value === "serving" && parts.takesOrders();
  const onLost = (error: Error) => system.send({ type: "LOST", error });
  try {
    listening = await listen(parts, options, { isReady, onLost });
  } catch (error) {
    await stopParts(parts, null, 0);
    throw error;
  }
  system.start();

  const ended = waitFor(system, (snapshot) => snapshot.status !== "active");
  return {
    ...listening.ports,
    ready: async () => {
      const { context } = await waitFor(
        system,
        ({ value }) => value === "serving" || value === "stopping" || value === "stopped",
      );
      if (context.failure !== null) throw context.failure;
    },
    scraped: parts.metrics.registry,
    hasKeys: () => anyKeyInForce(parts.database.keys),
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

interface Listening {
  readonly http: HttpServer;
  /** Null: metrics have no port of their own. */
  readonly metricsServer: MetricsServer | null;
  readonly ports: Pick<Instance, "port" | "metricsPort">;
}

/** Listens on the ports of the configuration. @throws ListenError, and then on none of them */
async function listen(
  parts: Parts,
  options: InstanceOptions,
  states: Pick<HttpOptions, "isReady" | "onLost">,
): Promise<Listening> {
  const { config, clientTimeoutMs = CLIENT_TIMEOUT_MS, keepAliveMs = KEEP_ALIVE_MS } = options;
  const { port, host, allowedHosts, allowedOrigins, embedOrigins, metricsPort, metricsToken } =
    config;
  const isProxy = inNetworks(config.trustedProxies);
  const { processes = 1, scraped = parts.metrics.registry } = options.sharing ?? {};
  const rules = { host, allowedHosts, allowedOrigins, isProxy };
  const door = { port, ...rules, embedOrigins, metricsPort, metricsToken, scraped };
  const bounds = { ...await visitorBounds(config), isProxy };
  // The supervisor has the port of the metrics of all.
  const metricsServer = metricsPort === null || options.sharing !== undefined
    ? null
    : await serveMetrics({ ...parts, ...door, ...states, metricsPort });
  try {
    const times = { clientTimeoutMs, keepAliveMs };
    const http = await serveHttp({ ...parts, ...door, ...states, ...times, bounds, processes });
    const ports = { port: http.port, metricsPort: metricsServer?.port ?? null };
    return { http, metricsServer, ports };
  } catch (error) {
    await metricsServer?.stop();
    throw error;
  }
}
