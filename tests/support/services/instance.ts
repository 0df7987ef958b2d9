/**
 * Instances of Weir inside the test's process, on a database and a Redis prefix of their own.
 *
 * All clients and instances of the test are stopped afterwards, whatever happens. The database then
 * checks that no connection was left.
 */
import { WebSocket } from "ws";
import { createWeirClient, type WeirClient } from "../../../client/mod.ts";
import { readConfig } from "../../../server/config.ts";
import { type Instance, startInstance } from "../../../server/instance.ts";
import { createApiKey, revokeApiKey } from "../../../sql/api_keys.ts";
import { openTestPool } from "./test_pool.ts";
import { type TestDatabase, withDatabase } from "./database.ts";
import { type TestRedis, withRedis } from "./redis.ts";
import type { Scope } from "../../../client/contract/scope.ts";

/** A key with every scope. */
export const KEY = "a-key-for-tests";

export interface InstanceOptions {
  /** Variables of the contract's table. Others have their defaults. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Gives the address under which instances reach the database. Default: its own address. */
  readonly reach?: (databaseUrl: string) => string;
  /** Gives the address under which instances reach Redis. Default: its own address. */
  readonly reachRedis?: (redis: TestRedis) => string;
  /** False: the test begins before the instance takes orders. */
  readonly ready?: boolean;
  /** False: without Redis. */
  readonly redis?: boolean;
  /** The time that the instance waits for a slow client. Default: as in production. */
  readonly clientTimeoutMs?: number;
  /** How often a quiet stream gets a comment. Default: as in production. */
  readonly keepAliveMs?: number;
}

export interface TestInstance {
  readonly url: string;
  readonly instance: Instance;
  /** The stock client, with `KEY`. */
  readonly api: WeirClient["api"];
  /** The stock client, with another token. */
  clientOf(token: string): WeirClient;
}

export interface InstanceTest extends TestInstance {
  readonly database: TestDatabase;
  readonly redis: TestRedis;
  /** Starts one more instance on the same database and Redis, and waits until it is ready. */
  another(environment?: Readonly<Record<string, string>>): Promise<TestInstance>;
  /** Makes an API key, for all stores or for some, and for all currencies or for some. */
  createKey(
    scopes: readonly Scope[],
    storeIds?: string | readonly string[],
    currencies?: readonly string[],
  ): Promise<{ keyId: string; token: string }>;
  revokeKey(keyId: string): Promise<void>;
}

/** Runs `test` with an instance, and stops it whatever happens. */
export function withInstance(
  test: (instance: InstanceTest) => Promise<void>,
  options: InstanceOptions = {},
): Promise<void> {
  return withDatabase((database) =>
    withRedis(async (redis) => {
      const ends: (() => Promise<void>)[] = [];
      const keys = openTestPool(database.url);
      ends.push(() => keys.end());
      const start = async (environment: Readonly<Record<string, string>>, ready: boolean) => {
        const instance = await startInstance({
          config: readConfig({
            PORT: "0",
            WEIR_DEV_KEY: KEY,
            WEIR_REDIS_PREFIX: redis.prefix,
            ...options.environment,
            ...environment,
          }),
          databaseUrl: options.reach?.(database.url) ?? database.url,
          redisUrl: options.redis === false ? null : options.reachRedis?.(redis) ?? redis.url,
          ...(options.clientTimeoutMs === undefined
            ? {}
            : { clientTimeoutMs: options.clientTimeoutMs }),
          ...(options.keepAliveMs === undefined ? {} : { keepAliveMs: options.keepAliveMs }),
        });
        ends.push(() => instance.stop());
        if (ready) await instance.ready();
        return describeInstance(instance, ends);
      };
      try {
        const first = await start({}, options.ready ?? true);
        await test({
          ...first,
          database,
          redis,
          another: (environment = {}) => start(environment, true),
          createKey: (scopes, storeIds, currencies) =>
            createApiKey(keys, {
              label: "a test",
              scopes,
              storeIds: storeIds === undefined ? null : [storeIds].flat(),
              currencies: currencies ?? null,
            }),
          revokeKey: async (keyId) => void await revokeApiKey(keys, keyId),
        });
      } finally {
        for (const end of ends.reverse()) await end();
      }
    })
  );
}

function describeInstance(instance: Instance, ends: (() => Promise<void>)[]): TestInstance {
  const url = `http://127.0.0.1:${instance.port}`;
  const clientOf = (token: string) => {
    const client = createTestClient(url, token);
    ends.push(() => client.close());
    return client;
  };
  return { url, instance, api: clientOf(KEY).api, clientOf };
}

/** The stock client, with the WebSocket that it needs on Deno. The caller closes it. */
export function createTestClient(url: string, token: string): WeirClient {
  return createWeirClient({ url, token, WebSocket });
}
