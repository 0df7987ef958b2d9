/**
 * The order writer without its database and past its capacity. For the outage a proxy cuts it off
 * from a real PostgreSQL. For the goodput each batch has a fixed delay, so that the delay sets the
 * capacity and the speed of the machine does not.
 */
import type { Answer } from "../../client/contract/order.ts";
import { systemClock } from "../../actors/clock.ts";
import {
  LANES,
  type OrderWriter,
  startOrderWriter,
} from "../../actors/order_writer/order_writer.ts";
import { commitBatch } from "../../sql/orders/batch.ts";
import { type Database, openDatabase } from "../../sql/connection/database.ts";
import { migrate } from "../../sql/migrate.ts";
import { anOrder } from "../support/load/orders.ts";
import { until } from "../support/services/services.ts";
import { WireProxy } from "../support/faults/wire_proxy.ts";
import { withEmbedded } from "./stage/embedded.ts";
import type { Bench, Figure } from "./stage/figure.ts";

const BATCH_ORDERS = 200;
const BATCH_DELAY_MS = 200;
const OFFERED_FOR_MS = 6_000;
/** The first second fills the mailbox. */
const WARM_UP_MS = 1_000;
const DEADLINE_MS = 1_000;
const CALLERS = 64;
const REFUSED_FOR_MS = 400;

export const overload: Bench = {
  name: "overload",
  run: () =>
    withEmbedded(async (databaseUrl) => {
      await migrate({ databaseUrl });
      return [...await measureOutage(databaseUrl), ...await measureGoodput(databaseUrl)];
    }),
};

async function measureOutage(databaseUrl: string): Promise<Figure[]> {
  const proxy = WireProxy.to(databaseUrl);
  const database = openWith(proxy.through(databaseUrl));
  const writer = aWriter(database, 1_000, 0);
  await until("the first commit", async () => (await place(writer)).ok);

  const cutAt = performance.now();
  proxy.cut();
  await until("the circuit to open", async () => {
    await place(writer);
    return writer.circuit === "open";
  });
  const openMs = performance.now() - cutAt;
  const refusals = await refuseAMoment(writer);

  await proxy.mend();
  const mendedAt = performance.now();
  await until("a commit", async () => (await place(writer)).ok);
  const backMs = performance.now() - mendedAt;
  await writer.stop(1_000);
  await database.end();
  await proxy.close();
  return [
    { name: "overload.open_ms", value: openMs, unit: "ms" },
    ...refusals,
    { name: "overload.first_commit_ms", value: backMs, unit: "ms" },
  ];
}

/** Lets callers place orders at an open circuit for a moment. */
async function refuseAMoment(writer: OrderWriter): Promise<Figure[]> {
  const times: number[] = [];
  const begunAt = performance.now();
  const call = async () => {
    while (performance.now() - begunAt < REFUSED_FOR_MS && writer.circuit === "open") {
      const order = anOrder();
      const at = performance.now();
      await writer.place(order, DEADLINE_MS);
      times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  const seconds = (performance.now() - begunAt) / 1_000;
  const sorted = times.toSorted((a, b) => a - b);
  return [
    { name: "overload.refusals_per_s", value: times.length / seconds, unit: "refusals/s" },
    {
      name: "overload.refusal_p99_ms",
      value: sorted[Math.floor(sorted.length * 0.99)] ?? NaN,
      unit: "ms",
    },
  ];
}

async function measureGoodput(databaseUrl: string): Promise<Figure[]> {
  const capacity = LANES * BATCH_ORDERS / BATCH_DELAY_MS * 1_000;
  const goodputs: number[] = [];
  for (const times of [1, 2, 3]) goodputs.push(await goodputAt(databaseUrl, capacity * times));
  return goodputs.map((value, index) => ({
    name: `overload.goodput_at_${index + 1}x`,
    value,
    unit: "orders/s",
    ratio: { to: "the capacity that the delay sets", value: value / capacity },
    ...(index === 2 ? { aim: "at least 0.9" } : {}),
  }));
}

/**
 * The orders committed each second while `ratePerSecond` are offered, without waiting for answers.
 */
async function goodputAt(databaseUrl: string, ratePerSecond: number): Promise<number> {
  const database = openWith(databaseUrl);
  const writer = aWriter(database, BATCH_ORDERS, BATCH_DELAY_MS);
  let committed = 0;
  const begunAt = performance.now();
  const answers: Promise<void>[] = [];
  let offered = 0;
  while (performance.now() - begunAt < OFFERED_FOR_MS) {
    const due = (performance.now() - begunAt) / 1_000 * ratePerSecond;
    for (; offered < due; offered++) {
      answers.push(
        place(writer).then(({ ok }) => {
          const ms = performance.now() - begunAt;
          if (ok && ms > WARM_UP_MS && ms <= OFFERED_FOR_MS) committed++;
        }),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(answers);
  await writer.stop(1_000);
  await database.end();
  return committed / (OFFERED_FOR_MS - WARM_UP_MS) * 1_000;
}

function place(writer: OrderWriter): Promise<Answer> {
  return writer.place(anOrder(), DEADLINE_MS);
}

function openWith(url: string): Database {
  return openDatabase({ url, statementTimeoutMs: 2_000, writeConnections: LANES });
}

function aWriter(database: Database, maxBatchOrders: number, delayMs: number): OrderWriter {
  return startOrderWriter({
    store: {
      commit: async (orders) => {
        if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
        return await database.write.run((sql) => commitBatch(sql, orders));
      },
      park: (order) => Promise.reject(new Error(`${order.orderId} was refused`)),
    },
    maxOrders: 10_000,
    maxBytes: 1 << 26,
    maxBatchOrders,
    statementTimeoutMs: 2_000,
    clock: systemClock,
    random: Math.random,
    onBug: (error) => {
      throw error;
    },
  });
}
