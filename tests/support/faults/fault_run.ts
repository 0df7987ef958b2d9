/**
 * The stage of a fault test: a PostgreSQL and a Redis of its own that may be killed, instances as
 * processes, load with a history, and the check of everything at the end.
 */
import type { Redis } from "ioredis";
import { assertEquals, assertGreater } from "@std/assert";
import type { OpsStatus } from "../../../client/contract/ops_status.ts";
import type { PlaceInput } from "../../../client/contract/order.ts";
import { optionsOf } from "../../../server/redis/target_options.ts";
import { understandRedisUrl } from "../../../server/redis_url.ts";
import { DRAINERS, overflowKeys } from "../../../server/overflow/scripts.ts";
import { connect } from "../../../sql/connection/driver.ts";
import type { TestSql } from "../services/database.ts";
import { FaultLoad, type FaultLoadOptions } from "./fault_load.ts";
import type { Stored } from "../recount/history.ts";
import { readStored } from "../recount/stored.ts";
import { createTestClient, KEY } from "../services/instance.ts";
import { askRedisAt } from "../services/redis.ts";
import { expectExact } from "../recount/recount.ts";
import {
  type ServerProcess,
  type Settings,
  startPostgres,
  startRedis,
} from "../services/server_process.ts";
import {
  type Environment,
  type ServiceProcess,
  withProcesses,
} from "../services/service_process.ts";
import { until } from "../services/services.ts";

export interface FaultRunOptions {
  readonly postgres?: Settings;
  readonly redis?: Settings;
  /** The folder of PostgreSQL's files. Default: a temporary one. */
  readonly folder?: string;
  /** The address of a Redis that the test brings. None is started then. */
  readonly redisUrl?: string;
  /** The address of the server behind `redisUrl` at this moment. Default: it is `redisUrl`. */
  readonly redisNow?: () => Promise<string>;
  /** Variables of every instance. */
  readonly environment?: Environment;
}

/** The circuit must close within this time: its longest pause, 10 s, and 5 s more. */
export const BACK_MS = 15_000;
/** The least orders that a load must send each second: a fault test runs under load. */
const LEAST_RATE = 190;
/** The lines of each instance that are shown when a test fails. */
const LAST_LINES = 40;

export class FaultRun {
  readonly #loads: FaultLoad[] = [];
  readonly #services: ServiceProcess[] = [];

  constructor(
    /** The PostgreSQL that the run asks. A test with a failover sets the new primary. */
    public postgres: ServerProcess,
    readonly ownRedis: ServerProcess | null,
    readonly redisUrl: string,
    readonly prefix: string,
    /** The address of the Redis to ask at this moment. */
    readonly redisNow: () => Promise<string>,
    readonly startService: (environment: Environment) => Promise<ServiceProcess>,
  ) {}

  /** The Redis that may be killed. @throws Error when the test brought its own */
  get redis(): ServerProcess {
    if (this.ownRedis === null) throw new Error("this test has brought its own Redis");
    return this.ownRedis;
  }

  /** Starts an instance and waits until it takes orders. */
  async instance(environment: Environment = {}): Promise<ServiceProcess> {
    const service = await this.startService(environment);
    this.#services.push(service);
    await until("the instance to be ready", () => isReady(service.url));
    return service;
  }

  /** Makes a load. It ends with the test at the latest. */
  load(options: FaultLoadOptions): FaultLoad {
    const load = new FaultLoad(options);
    this.#loads.push(load);
    return load;
  }

  /** Asks the database, on a connection of its own. */
  async ask<T>(question: (sql: TestSql) => Promise<T>): Promise<T> {
    const sql = connect(this.postgres.url, { max: 1, connection: { TimeZone: "UTC" } });
    try {
      return await question(sql);
    } finally {
      await sql.end({ timeout: 5 });
    }
  }

  /** Asks Redis, on a connection of its own. */
  async askRedis<T>(question: (redis: Redis) => Promise<T>, at?: string): Promise<T> {
    const url = at ?? await this.redisNow();
    const way = optionsOf(understandRedisUrl(url), overflowKeys(this.prefix).stream);
    return await askRedisAt(way, question);
  }

  /** The number of orders in the overflow. */
  async spilled(prefix = this.prefix): Promise<number> {
    return await this.askRedis((redis) => redis.xlen(overflowKeys(prefix).stream));
  }

  /** The ids of the orders in the overflow. */
  async spilledIds(): Promise<ReadonlySet<string>> {
    const { records } = overflowKeys(this.prefix);
    return new Set(await this.askRedis((redis) => redis.hkeys(records)));
  }

  /** The number of orders that drainers have taken and not removed; null: none. */
  async takenFromOverflow(): Promise<number | null> {
    const { stream } = overflowKeys(this.prefix);
    const [count] = await this.askRedis((redis) => redis.xpending(stream, DRAINERS));
    return Number(count) || null;
  }

  /** Resolves when the overflow is empty. @returns the milliseconds that it took */
  async drained(timeoutMs = 60_000, prefix = this.prefix): Promise<number> {
    const begunAt = performance.now();
    await until(
      "the overflow to be empty",
      async () => await this.spilled(prefix) === 0,
      timeoutMs,
    );
    return Math.round(performance.now() - begunAt);
  }

  /** The number of these orders whose keys the database has, with any content. */
  rowsOf(orders: readonly PlaceInput[]): Promise<number> {
    const wanted = new Set(orders.map(({ storeId, idempotencyKey }) => storeId + idempotencyKey));
    return this.ask(async (sql) => {
      const rows = await sql<
        { key: string }[]
      >`select store_id || idempotency_key as key from orders`;
      return rows.filter(({ key }) => wanted.has(key)).length;
    });
  }

  /**
   * The number of batches that have reached the database and wait there for a lock. Each count has
   * a session of its own, because one transaction always sees the same activity.
   */
  batchesWaiting(): Promise<number> {
    return this.ask(async (sql) => {
      const waiting = await sql`
        select from pg_stat_activity
        where application_name = 'weir write' and wait_event_type = 'Lock'`;
      return waiting.length;
    });
  }

  /** The orders and open dead letters in the database. */
  stored(): Promise<Stored> {
    return this.ask(readStored);
  }

  /**
   * Ends the load, waits for the overflow to be empty, and checks every answer and every figure.
   * @param letters the number of open dead letters that there must be
   */
  async verify(load: FaultLoad, letters = 0): Promise<void> {
    await load.stop();
    const { sentPerSecond } = load;
    if (sentPerSecond !== null) assertGreater(sentPerSecond, LEAST_RATE, "orders sent each second");
    await this.drained();
    const stored = await this.stored();
    load.history.expectHolds(stored);
    assertEquals(stored.letters.length, letters, "open dead letters");
    await this.ask(expectExact);
  }

  /** The seeds, by which this run may be repeated. */
  get seeds(): string {
    return this.#loads.map(({ history }) => `WEIR_TEST_SEED=${history.seed}`).join(" ");
  }

  /** Kills each instance. @returns its last lines, which may tell why the test failed */
  async lastWords(): Promise<string> {
    const said = await Promise.all(this.#services.map(async (service) => {
      await service.kill();
      const { stdout, stderr } = await service.ended;
      return `${stdout}${stderr}`.split("\n").slice(-LAST_LINES).join("\n");
    }));
    return said.join("\n---\n");
  }

  async close(): Promise<void> {
    for (const load of this.#loads) await load.close();
  }
}

/** Runs `test` on a stage of its own, and takes everything down whatever happens. */
export function withFaults(
  test: (run: FaultRun) => Promise<void>,
  options: FaultRunOptions = {},
): Promise<void> {
  return withProcesses(async ({ redis: { prefix }, start }) => {
    const servers: ServerProcess[] = [];
    let run: FaultRun | undefined;
    try {
      const postgres = await startPostgres(options.postgres, options.folder);
      servers.push(postgres);
      const redis = options.redisUrl === undefined ? await startRedis(options.redis) : null;
      if (redis !== null) servers.push(redis);
      const redisUrl = options.redisUrl ?? redis!.url;
      const redisNow = options.redisNow ?? (() => Promise.resolve(redisUrl));
      run = new FaultRun(postgres, redis, redisUrl, prefix, redisNow, (environment) =>
        start({
          DATABASE_URL: postgres.url,
          REDIS_URL: redisUrl,
          ...options.environment,
          ...environment,
        }));
      await test(run);
    } catch (error) {
      console.info(run?.seeds, await run?.lastWords());
      throw error;
    } finally {
      for (const server of servers) await server.thaw();
      await run?.close();
      for (const server of servers.reverse()) await server.dispose();
    }
  });
}

/** The status of an instance. */
export async function statusOf(url: string): Promise<OpsStatus> {
  const client = createTestClient(url, KEY);
  try {
    return await client.api.ops.status.query();
  } finally {
    await client.close();
  }
}

/** Prints the figures of a run, under the test's name. */
export function report(name: string, figures: Readonly<Record<string, unknown>>): void {
  console.info(`${name}: ${JSON.stringify(figures)}`);
}

/** True when an instance takes orders. */
export async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`);
  await response.body?.cancel();
  return response.ok;
}
