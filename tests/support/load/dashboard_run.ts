/**
 * The stage of a test of dashboards: two instances as processes, an audience, load, the trail of
 * the folds, and the check of all frames. Each instance is behind a balancer that falls back to the
 * other one.
 */
import { assertEquals } from "@std/assert";
import { Audience } from "./audience.ts";
import { Balancer } from "../faults/balancer.ts";
import { DashboardLoad } from "./dashboard_load.ts";
import { type FaultRun, withFaults } from "../faults/fault_run.ts";
import {
  expectFramesOf,
  keepTrail,
  type Mark,
  readTrail,
  recountOrders,
} from "../recount/fold_trail.ts";
import { expectExact } from "../recount/recount.ts";
import type { TestSql } from "../services/database.ts";
import type { Environment, ServiceProcess } from "../services/service_process.ts";
import { until } from "../services/services.ts";
import { WireProxy } from "../faults/wire_proxy.ts";

export interface DashboardRunOptions {
  readonly ordersPerSecond: number;
  /** Variables of both instances. */
  readonly environment?: Environment;
  /** True: each instance reaches PostgreSQL and Redis by proxies of its own. */
  readonly wired?: boolean;
}

/** The proxies between an instance and its services. */
export interface Wires {
  readonly postgres: WireProxy;
  readonly redis: WireProxy;
}

export const STORES = ["north", "south", "east"];
const SCOPES = [...STORES, "*"];
const MARK_EVERY_MS = 250;

/** Waits while a fault lasts. */
export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export class DashboardRun {
  readonly audience = new Audience();
  readonly load: DashboardLoad;
  readonly balancers: readonly Balancer[];
  readonly #marks: Mark[] = [];
  readonly #marking: Promise<void>;
  /** Stopped instances. The balancers skip them, as a real one does after its health check. */
  readonly #silent = new Set<number>();
  #closing = false;

  constructor(
    readonly run: FaultRun,
    readonly services: ServiceProcess[],
    readonly environments: readonly Environment[],
    /** A pair for each instance. Empty unless `wired` was asked for. */
    readonly wires: readonly Wires[],
    ordersPerSecond: number,
  ) {
    const urls = () =>
      this.services.filter((_, place) => !this.#silent.has(place)).map(({ url }) => url);
    this.balancers = [Balancer.over(urls), Balancer.over(() => urls().reverse())];
    this.load = new DashboardLoad({ stores: STORES, urls, ordersPerSecond });
    this.#marking = run.ask((sql) => this.#mark(sql));
  }

  /** Kills an instance. Its place stays empty until `startAgain`. */
  async kill(place: 0 | 1): Promise<void> {
    await this.services[place]!.kill();
  }

  async startAgain(place: 0 | 1): Promise<void> {
    this.services[place] = await this.run.instance(this.environments[place]);
  }

  /** Marks an instance as stopped (SIGSTOP): clients of its balancer move to the other instance. */
  leaveSilent(place: 0 | 1): void {
    this.#silent.add(place);
    this.moveHome();
  }

  /** Wakes an instance that was stopped. */
  wake(place: 0 | 1): void {
    this.#silent.delete(place);
    this.services[place]!.signal("SIGCONT");
  }

  /** Makes all clients of balancers connect again, to the balancer's own instance if it lives. */
  moveHome(): void {
    for (const balancer of this.balancers) balancer.dropConnections();
  }

  /** Adds two members by WebSocket and one by SSE for each scope and each balancer. */
  async takeSeats(): Promise<void> {
    for (const { url } of this.balancers) {
      for (const scope of SCOPES) {
        this.audience.join(url, scope, "WebSocket");
        this.audience.join(url, scope, "WebSocket");
        this.audience.join(url, scope, "SSE");
      }
    }
    await this.audience.everyone(() => true, "a first frame for everyone");
  }

  /**
   * Ends the load, waits until every member has the newest version, and checks every frame. No
   * frame goes back. Each frame equals what the folds up to its version consumed. The last one
   * equals a recount of the orders.
   * @returns figures to report.
   */
  async verify(): Promise<Readonly<Record<string, number>>> {
    const { run, load, audience } = this;
    await load.stop();
    await until(
      "the journal to be empty",
      () => run.ask(async (sql) => (await sql`select from journal`).length === 0),
    );
    const folds = await run.ask(readTrail);
    const newestOf = (scope: string) =>
      folds.findLast(({ scopes }) => scopes.has(scope))?.version ?? 0;
    await audience.everyone(
      ({ version }, { scope }) => version === newestOf(scope),
      "everyone to have the newest version",
    );
    const compared = expectFramesOf(folds, audience.seen, this.#marks);
    audience.expectForward();
    assertEquals([audience.errors, audience.epochs.length], [[], 1]);
    const recounted = await run.ask(recountOrders);
    for (const { newest, scope, name } of audience.members) {
      const { minute, currencies } = newest!.figures;
      assertEquals(JSON.parse(currencies), recounted.figures(scope, minute), name);
    }
    await run.ask(expectExact);
    return {
      seed: load.seed,
      orders: load.acknowledged.get("*") ?? 0,
      cancellations: load.cancellations,
      repeats: load.repeats,
      folds: folds.length,
      members: audience.members.length,
      connections: this.balancers.reduce((sum, balancer) => sum + balancer.connections, 0),
      frames: audience.frames,
      fewest: Math.min(...audience.members.map(({ frames }) => frames.length)),
      compared,
    };
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.load.close();
    await this.#marking;
    await this.audience.leave();
    await Promise.all(this.balancers.map((balancer) => balancer.close()));
  }

  /** Notes now and then how many orders have been acknowledged, and the time. */
  async #mark(sql: TestSql): Promise<void> {
    while (!this.#closing) {
      const orders = new Map(this.load.acknowledged);
      const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
      this.#marks.push({ at: row!.now.getTime(), orders });
      await pause(MARK_EVERY_MS);
    }
  }
}

/** Runs `test` with two instances that take orders, no order yet, and an empty audience. */
export function withDashboards(
  test: (stage: DashboardRun) => Promise<void>,
  { ordersPerSecond, environment = {}, wired = false }: DashboardRunOptions,
): Promise<void> {
  return withFaults(async (run) => {
    const wires = wired ? [wiresOf(run), wiresOf(run)] : [];
    const environments = [0, 1].map((place) => ({ ...environment, ...by(run, wires[place]) }));
    let stage: DashboardRun | undefined;
    try {
      const services = [await run.instance(environments[0]), await run.instance(environments[1])];
      await run.ask(keepTrail);
      stage = new DashboardRun(run, services, environments, wires, ordersPerSecond);
      await test(stage);
    } finally {
      await stage?.close();
      await Promise.all(wires.flatMap(({ postgres, redis }) => [postgres.close(), redis.close()]));
    }
  });
}

function wiresOf({ postgres, redis }: FaultRun): Wires {
  return { postgres: WireProxy.to(postgres.url), redis: WireProxy.to(redis.url) };
}

function by({ postgres, redis }: FaultRun, wires: Wires | undefined): Environment {
  if (wires === undefined) return {};
  return {
    DATABASE_URL: wires.postgres.through(postgres.url),
    REDIS_URL: wires.redis.through(redis.url),
  };
}
