/**
 * Refusals while the database is out and nothing may spill: callers over HTTP are told so, and when to
 * try again. A refusal must cost little, because it is asked for most when there is least to give.
 */
import { WireProxy } from "../support/faults/wire_proxy.ts";
import { KEY } from "../support/services/instance.ts";
import { startService } from "../support/services/service_process.ts";
import { withServices } from "./stage/embedded.ts";
import { type Bench, type Figure, median, spread } from "./stage/figure.ts";
import type { Call } from "./http/load_task.ts";
import { runLoad } from "./http/run_load.ts";

const ROUNDS = 3;
const CALLERS = 64;
const CALL: Call = { method: "POST", path: "/trpc/orders.place", token: KEY, ordersACall: 1 };
/** The status of `circuit_open`. */
const UNAVAILABLE = 503;

export const refusals: Bench = {
  name: "refusals",
  run: () => withServices(measure),
};

async function measure(databaseUrl: string): Promise<Figure[]> {
  const proxy = WireProxy.to(databaseUrl);
  const weir = await startService({ DATABASE_URL: proxy.through(databaseUrl) });
  try {
    await weir.says(/"message":"ready"/);
    const { url } = weir;
    await runLoad({ url, callers: CALLERS, call: CALL, measureMs: 1_000 });
    proxy.cut();
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push(await runLoad({ url, callers: CALLERS, call: CALL, goodStatus: UNAVAILABLE }));
    }
    const rates = rounds.map(({ perSecond }) => perSecond);
    const p99s = rounds.map(({ p99Ms }) => p99Ms);
    return [
      {
        name: "refusals.per_s",
        value: median(rates),
        unit: "refusals/s",
        spread: spread(rates),
        aim: "at least 30,000",
      },
      {
        name: "refusals.p99_ms",
        value: median(p99s),
        unit: "ms",
        spread: spread(p99s),
        aim: "under 10",
      },
    ];
  } finally {
    await weir.stop();
    await proxy.close();
  }
}
