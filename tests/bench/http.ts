/**
 * Orders over HTTP against what teams have now: the same machine, the same PostgreSQL that syncs
 * every commit, load from another process. The servers take turns within each round, because the
 * speed of a machine drifts; the first round warms up and does not count.
 */
import { KEY } from "../support/services/instance.ts";
import { startService } from "../support/services/service_process.ts";
import { withServices } from "./stage/embedded.ts";
import { type Bench, type Figure, median, spread } from "./stage/figure.ts";
import type { Call, LoadReport } from "./http/load_task.ts";
import { runLoad } from "./http/run_load.ts";
import { makeTextbookTable } from "./http/textbook_table.ts";
import { startYardstick } from "./http/start_yardstick.ts";

const ROUNDS = 3;
const CALLERS = [64, 256];
const ORDERS_A_CALL = 100;
const MANY_CALLERS = 16;

const NO_ORDER = { token: null, ordersACall: 0 };
const POST = { method: "POST", token: KEY, ordersACall: 1 } as const;

/** A server under load, and its call. */
interface Side {
  readonly name: string;
  readonly url: string;
  readonly call: Call;
  readonly callers: readonly number[];
}

export const http: Bench = {
  name: "http",
  run: () => withServices(measure),
};

async function measure(databaseUrl: string, redisUrl: string): Promise<Figure[]> {
  await makeTextbookTable(databaseUrl);
  const weir = await startService({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl });
  const textbook = await startYardstick("textbook", databaseUrl);
  const fastify = await startYardstick("fastify", databaseUrl);
  try {
    await weir.says(/"message":"ready"/);
    return figuresOf(
      await inTurns([
        {
          name: "weir",
          url: weir.url,
          call: { ...POST, path: "/trpc/orders.place" },
          callers: CALLERS,
        },
        {
          name: "textbook",
          url: textbook.url,
          call: { ...POST, path: "/trpc/place" },
          callers: CALLERS,
        },
        { name: "fastify", url: fastify.url, call: { ...POST, path: "/orders" }, callers: CALLERS },
        {
          name: "empty",
          url: textbook.url,
          call: { ...NO_ORDER, method: "GET", path: "/trpc/empty" },
          callers: CALLERS,
        },
        {
          name: "weir_many",
          url: weir.url,
          call: { ...POST, path: "/trpc/orders.placeMany", ordersACall: ORDERS_A_CALL },
          callers: [MANY_CALLERS],
        },
        {
          name: "weir_snapshot",
          url: weir.url,
          call: {
            ...NO_ORDER,
            token: KEY,
            method: "GET",
            path: "/trpc/dashboard.snapshot?input=%7B%7D",
          },
          callers: [64],
        },
      ]),
    );
  } finally {
    await Promise.all([weir.stop(), textbook.stop(), fastify.stop()]);
  }
}

/** Reports by name and number of callers, one for each round. */
async function inTurns(sides: readonly Side[]): Promise<Map<string, LoadReport[]>> {
  const reports = new Map<string, LoadReport[]>();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { name, url, call, callers } of sides) {
      for (const count of callers) {
        const report = await runLoad({ url, callers: count, call });
        if (round === 0) continue;
        const key = `${name}_${count}`;
        reports.set(key, [...reports.get(key) ?? [], report]);
      }
    }
  }
  return reports;
}

function figuresOf(reports: ReadonlyMap<string, readonly LoadReport[]>): Figure[] {
  const rates = (name: string) => (reports.get(name) ?? []).map(({ perSecond }) => perSecond);
  const against = (name: string, other: string, aim?: string): Figure => {
    const ratios = rates(name).map((rate, round) => rate / (rates(other)[round] ?? NaN));
    return {
      name: `http.${name}`,
      value: median(rates(name)),
      unit: "/s",
      ratio: { to: `http.${other}`, value: median(ratios), spread: spread(ratios) },
      ...(aim === undefined ? {} : { aim }),
    };
  };
  const plain = (name: string): Figure => ({
    name: `http.${name}`,
    value: median(rates(name)),
    unit: "/s",
  });
  return [
    ...CALLERS.flatMap((callers) => [
      plain(`textbook_${callers}`),
      plain(`fastify_${callers}`),
      plain(`empty_${callers}`),
      against(`weir_${callers}`, `textbook_${callers}`, "at least 2.5"),
      against(`weir_${callers}`, `fastify_${callers}`, "at least 2"),
      against(`weir_${callers}`, `empty_${callers}`, "at least 0.8"),
    ]),
    plain(`weir_many_${MANY_CALLERS}`),
    against("weir_snapshot_64", "empty_64", "at least 0.5"),
    ...[...reports].flatMap(([name, all]): Figure[] => {
      const failed = all.flatMap(({ failures }) => Object.entries(failures));
      if (failed.length === 0) return [];
      const value = failed.reduce((sum, [, count]) => sum + count, 0);
      return [{ name: `http.${name} FAILED with ${failed[0]?.[0]}`, value, unit: "answers" }];
    }),
  ];
}
