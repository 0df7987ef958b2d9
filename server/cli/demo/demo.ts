/**
 * `deno task demo`: everything embedded, sample traffic, the page's link, and a proof at the end.
 *
 * The demo runs the service in this process and calls it as an ordinary client. When its time is
 * over, or on Ctrl-C, it sends no more orders and waits until the dashboards have caught up. Then
 * it prints three counts: orders acknowledged, orders in the database, orders on the dashboards.
 * It fails unless the three are equal. Each run has new stores (`berlin-1f3a9c2e`), so that no
 * count holds the orders of an earlier run or of other clients.
 *
 * Its data are apart from those of the service, in `demo` of the data folder: the first real order
 * must not stand below sample revenue. They stay there for the next demo. Tested in
 * tests/server/cli/tasks_test.ts.
 */
import { Pool } from "../../../sql/connection/pool.ts";
import { recountMinutes } from "../../../sql/figures/recount.ts";
import { type Config, readConfig, readEnvironment } from "../../config.ts";
import { RANDOM_KEY } from "../../config/variables.ts";
import { type RunningService, runService } from "../../service.ts";
import { configureLog } from "../../telemetry/log.ts";
import { durationMs, taskCommand, TaskFailure, wholeNumber } from "../command.ts";
import { onDatabase } from "../database_url.ts";
import { connectDemo } from "./connection.ts";
import { DashboardCount } from "./dashboard_count.ts";
import { sampleOrders, sampleStores, seededRandom } from "./sample_orders.ts";
import { SampleTraffic } from "./sample_traffic.ts";
import { showStatus } from "./status_line.ts";

interface DemoOptions {
  /** Milliseconds; undefined: until Ctrl-C. */
  readonly for?: number;
  /** Orders a second. */
  readonly rate: number;
  readonly seed: number;
}

/** Orders of one run, counted in three ways. */
interface Counts {
  readonly acknowledged: number;
  readonly database: number;
  readonly dashboard: number;
}

/** After the traffic has ended, late answers and the dashboards have this long. */
const SETTLE_TIMEOUT_MS = 15_000;
const COUNT_TIMEOUT_MS = 60_000;

export const command = taskCommand(
  "demo",
  "Runs Weir with everything embedded, sends it sample orders, and counts them at the end.",
)
  .option("--for <duration>", "how long, such as 20s or 2m (default: until Ctrl-C)", durationMs)
  .option("--rate <number>", "orders a second", wholeNumber(1, 10_000), 50)
  .option("--seed <number>", "what the sample orders are made from", wholeNumber(0, 2 ** 31), 1)
  .action(runDemo);

async function runDemo(options: DemoOptions): Promise<void> {
  const config = demoConfig();
  await configureLog(config);
  if (config.databaseUrl === null) console.log(`starting, with the data in ${config.dataDir}`);
  const counted: Counts[] = [];
  await runService(config, {
    onReady: async (service) => {
      if (service.redisUrl === null) console.log("without Redis: there is none here");
      const token = config.devKey ?? "";
      console.log(`the dashboard: ${service.url}/#token=${encodeURIComponent(token)}`);
      counted.push(await runTraffic(service, token, options));
    },
  });
  const [counts] = counted;
  if (counts === undefined) throw new TaskFailure("stopped before an order could be sent");
  const { acknowledged, database, dashboard } = counts;
  console.log(
    `${acknowledged} orders acknowledged, ${database} in the database, ${dashboard} on the dashboard`,
  );
  if (acknowledged !== database || database !== dashboard) {
    throw new TaskFailure("the three counts are not equal");
  }
}

/**
 * The configuration of the environment, with other defaults: a key of this run, a free port when
 * the usual one is taken, and a log of errors alone, since the status line shows the circuit. The
 * log of a demo on DATABASE_URL has warnings too: they say why that database is away.
 */
function demoConfig(): Config {
  const environment = readEnvironment();
  const { WEIR_DEV_KEY: key = RANDOM_KEY } = environment;
  const config = readConfig({
    LOG_LEVEL: environment["DATABASE_URL"] === undefined ? "error" : "warning",
    ...environment,
    WEIR_DEV_KEY: key === RANDOM_KEY ? crypto.randomUUID() : key,
  });
  const dataDir = `${config.dataDir}/demo`;
  if (environment["PORT"] !== undefined || isFree(config)) return { ...config, dataDir };
  return { ...config, dataDir, port: 0 };
}

function isFree({ host, port }: Config): boolean {
  try {
    Deno.listen({ hostname: host, port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

/** Sends orders until the time is over or a signal arrives, then counts the orders. */
async function runTraffic(
  service: RunningService,
  token: string,
  options: DemoOptions,
): Promise<Counts> {
  const suffix = crypto.randomUUID().slice(0, 8);
  const storeIds = sampleStores(suffix);
  console.log(`its stores: ${storeIds.join(", ")}`);
  const onProblem = (line: string) => console.error(`weir: ${line}`);
  const connection = connectDemo({ url: service.url, token, onProblem });
  const dashboard = new DashboardCount();
  const traffic = new SampleTraffic({
    calls: connection.orders,
    nextOrder: sampleOrders({ suffix, seed: options.seed }),
    ordersPerSecond: options.rate,
    random: seededRandom(options.seed),
    onProblem,
  });
  let circuit = "closed";
  connection.watchStores(storeIds, (frame) => dashboard.take(frame));
  connection.watchStatus((status) => circuit = status.writer.circuit);
  const status = showStatus(
    () =>
      `${traffic.acknowledged} orders acknowledged, ${dashboard.orders} on the dashboard, ` +
      `circuit ${circuit}`,
    Deno.stdout.isTerminal(),
  );
  try {
    await during(options.for, service.signal, (until) => traffic.send(until));
    await during(SETTLE_TIMEOUT_MS, undefined, async (giveUp) => {
      await traffic.settled(giveUp);
      await dashboard.reached(traffic.acknowledged, giveUp);
    });
    const { acknowledged, placed } = traffic;
    if (acknowledged < placed) onProblem(`${placed - acknowledged} orders were not acknowledged`);
    const database = await onDatabase(countStored(service.databaseUrl, storeIds));
    return { acknowledged, database, dashboard: dashboard.orders };
  } finally {
    status.end();
    await connection.close();
  }
}

/** Runs `work` with a signal that aborts after `ms`, if given, and when `earlier` aborts. */
async function during<T>(
  ms: number | undefined,
  earlier: AbortSignal | undefined,
  work: (until: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const end = () => over.abort();
  const timer = ms === undefined ? undefined : setTimeout(end, ms);
  earlier?.addEventListener("abort", end, { once: true });
  if (earlier?.aborted) end();
  try {
    return await work(over.signal);
  } finally {
    clearTimeout(timer);
    earlier?.removeEventListener("abort", end);
  }
}

/** Counts the orders of these stores in the database, row by row. */
async function countStored(url: string, storeIds: readonly string[]): Promise<number> {
  const statementTimeoutMs = COUNT_TIMEOUT_MS;
  const pool = new Pool({ url, name: "demo", maxConnections: 1, statementTimeoutMs });
  try {
    let stored = 0;
    for (const storeId of storeIds) {
      const minutes = await pool.run((sql) => recountMinutes(sql, storeId));
      stored += minutes.reduce((sum, { orders }) => sum + Number(orders), 0);
    }
    return stored;
  } finally {
    await pool.end();
  }
}
