/**
 * The way to a Redis as the driver's options: to one server, to the master that sentinels name, or to
 * the node of a cluster that has the keys of a connection.
 *
 * Tested in tests/ha/sentinel_test.ts, cluster_test.ts and tests/server/redis/redis_url_test.ts.
 */
import { ConfigError } from "../config.ts";
import type { RedisLogin, RedisTarget } from "../redis_url.ts";
import { nodeConnector, type RedisOptions } from "./node_connector.ts";

/** A sentinel, or a node that is asked for another, must answer within this time. */
const ASK_TIMEOUT_MS = 1_000;

/** @param key a key of the connection: in a cluster the connection leads to the node that has it */
export function optionsOf(target: RedisTarget, key: string): RedisOptions {
  const tls = target.tls === null ? {} : { tls: tlsOf(target.tls) };
  const common = { ...loginTo(target.login), db: target.database, ...tls };
  switch (target.kind) {
    case "server": {
      const [{ host, port } = { host: "", port: 0 }] = target.hosts;
      return { ...common, host, port };
    }
    case "sentinel":
      return {
        ...common,
        sentinels: target.hosts.map((host) => ({ ...host })),
        name: target.masterName,
        ...sentinelLogin(target.sentinelLogin),
        ...("tls" in tls ? { sentinelTLS: tls.tls, enableTLSForSentinelMode: true } : {}),
        sentinelCommandTimeout: ASK_TIMEOUT_MS,
        // The operator's list holds. A sentinel may know others by addresses that lead nowhere here.
        updateSentinels: false,
        sentinelRetryStrategy: (attempt) => Math.min(1_000, 50 * attempt),
      };
    case "cluster":
      return {
        ...common,
        Connector: nodeConnector(target.hosts, key, { ...common, lazyConnect: true }),
      };
  }
}

function loginTo(login: RedisLogin | null): Pick<RedisOptions, "username" | "password"> {
  if (login === null) return {};
  const { user, password } = login;
  return { ...(user === "" ? {} : { username: user }), password };
}

function sentinelLogin(login: RedisLogin | null): RedisOptions {
  const { username, password } = loginTo(login);
  return {
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
  };
}

/** The file is read for each connection that is opened, at the start of an instance. */
function tlsOf({ caFile }: { readonly caFile: string | null }) {
  if (caFile === null) return {};
  try {
    return { ca: Deno.readTextFileSync(caFile) };
  } catch (error) {
    const why = error instanceof Error ? error.name : String(error);
    throw new ConfigError(`REDIS_URL is wrong: the file of cafile cannot be read (${why})`);
  }
}
