/**
 * An order's own path, step by step: the CPU of the process for each, in microseconds an order. The
 * steps run one after the other here, as they do in a service whose core is full. The database's steps
 * are of full batches, and have the CPU of PostgreSQL's process beside them.
 */
import process from "node:process";
import { transformTRPCResponse } from "@trpc/server";
import { systemClock } from "../../actors/clock.ts";
import { startOrderWriter } from "../../actors/order_writer/order_writer.ts";
import { placeInput, type PlaceOrder } from "../../client/contract/order.ts";
import { readHead } from "../../server/front/lane/request_head.ts";
import { appRouter } from "../../server/router/mod.ts";
import { connect, type Sql } from "../../sql/connection/driver.ts";
import { migrate } from "../../sql/migrate.ts";
import { insertNew, type StoredOrder } from "../../sql/orders/batch.ts";
import { QuickWay } from "../../sql/orders/batch/quick_way.ts";
import { sumsOf } from "../../sql/orders/batch/sums.ts";
import { type NewOrder, toNewOrder } from "../../sql/orders/new_order.ts";
import { cpuMsOf } from "../support/services/service_process.ts";
import { withEmbedded } from "./stage/embedded.ts";
import { type Bench, type Figure, median, spread } from "./stage/figure.ts";
import { sampleInput, sampleOrder } from "./stage/sample_orders.ts";

const ORDERS = 20_000;
const BATCH = 256;
const ROUNDS = 5;

export const path: Bench = {
  name: "path",
  run: () => withEmbedded(measure),
};

/** The bodies of so many calls. */
function bodiesOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => JSON.stringify(sampleInput(index)));
}

/** The CPU of this process so far, microseconds. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function measure(databaseUrl: string): Promise<Figure[]> {
  await migrate({ databaseUrl });
  const rounds: Record<string, number>[] = [];
  for (let round = 0; round <= ROUNDS; round++) rounds.push(await stepsOf(databaseUrl));
  const [, ...measured] = rounds; // the first one warms up
  const of = (name: string) => measured.map((steps) => steps[name] ?? NaN);
  const figures = Object.keys(measured[0] ?? {}).map((name): Figure => ({
    name: `path.${name}`,
    value: median(of(name)),
    unit: "µs an order",
    spread: spread(of(name)),
  }));
  const ratios = of("postgres").map((us, round) => us / (of("postgres_asking")[round] ?? NaN));
  return figures.map((figure) =>
    figure.name !== "path.postgres" ? figure : {
      ...figure,
      ratio: { to: "path.postgres_asking", value: median(ratios), spread: spread(ratios) },
      aim: "at most 0.75",
    }
  );
}

/** Each step for `ORDERS` orders. */
async function stepsOf(databaseUrl: string): Promise<Record<string, number>> {
  const bodies = bodiesOf(ORDERS);
  const heads = bodies.map(headOf);
  const steps: Record<string, number> = {};
  const step = async (name: string, work: () => unknown) => {
    const before = cpuUs();
    await work();
    steps[name] = (cpuUs() - before) / ORDERS;
  };
  let parsed: unknown[] = [];
  let checked: PlaceOrder[] = [];
  let orders: NewOrder[] = [];
  await step("head", () => heads.forEach((head) => readHead(head)));
  await step("parse", () => parsed = bodies.map((body) => JSON.parse(body)));
  await step("check", () => checked = parsed.map((body) => placeInput.parse(body)));
  await step("identity", () => orders = checked.map(toNewOrder));
  await step("mailbox", () => throughMailbox(orders));
  await step("sums", () => batchesOf(orders).forEach(sumsOf));
  await step("answer", () => orders.forEach(answerOf));
  const sql = connect(databaseUrl, { max: 1 });
  const quickWay = new QuickWay(() => 0); // a slow round is measured like the others
  await throughDatabase(steps, sql, ["driver", "postgres"], orders, async (batch) => {
    if (await quickWay.insert(sql, batch) === null) throw new Error("the quick way was not taken");
  });
  const others = Array.from({ length: ORDERS }, (_, index) => sampleOrder(index));
  const names = ["driver_asking", "postgres_asking"] as const;
  await throughDatabase(steps, sql, names, others, (batch) => insertNew(sql, batch));
  await sql.end();
  return steps;
}

/** Stores orders in batches, and adds the CPU of the driver and of PostgreSQL to the steps. */
async function throughDatabase(
  steps: Record<string, number>,
  sql: Sql,
  [driver, postgres]: readonly [string, string],
  orders: readonly NewOrder[],
  store: (batch: readonly NewOrder[]) => Promise<unknown>,
): Promise<void> {
  const [session] = await sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
  const pid = session?.pid ?? 0;
  const [own, theirs] = [cpuUs(), await cpuMsOf(pid)];
  for (const batch of batchesOf(orders)) await store(batch);
  steps[driver] = (cpuUs() - own) / ORDERS;
  steps[postgres] = (await cpuMsOf(pid) - theirs) * 1_000 / ORDERS;
}

/** The orders through the writer, whose store answers at once. */
async function throughMailbox(orders: readonly NewOrder[]): Promise<void> {
  const placedAt = new Date().toISOString();
  const writer = startOrderWriter({
    store: {
      commit: (batch) =>
        Promise.resolve(
          new Map(batch.map(({ orderId, contentHash }): [string, StoredOrder] => [
            orderId,
            { isNew: true, contentHash, placedAt },
          ])),
        ),
      park: () => Promise.reject(new Error("no order is refused")),
    },
    maxOrders: 10_000,
    maxBytes: 1 << 26,
    maxBatchOrders: 1_000,
    statementTimeoutMs: 30_000,
    clock: systemClock,
    random: Math.random,
    onBug: (error) => {
      throw error;
    },
  });
  for (const batch of batchesOf(orders)) {
    await Promise.all(batch.map((order) => writer.place(order, 30_000)));
  }
  await writer.stop(1_000);
}

function batchesOf(orders: readonly NewOrder[]): NewOrder[][] {
  return Array.from(
    { length: Math.ceil(orders.length / BATCH) },
    (_, index) => orders.slice(index * BATCH, (index + 1) * BATCH),
  );
}

function headOf({ length }: string): string {
  return "POST /trpc/orders.place HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n" +
    `authorization: Bearer weir_${"0".repeat(16)}_${"a".repeat(43)}\r\n` +
    `content-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
}

function answerOf({ orderId }: NewOrder): string {
  const data = {
    orderId,
    status: "committed",
    replayed: false,
    placedAt: "2026-01-01T00:00:00.000Z",
  };
  return JSON.stringify(transformTRPCResponse(appRouter._def._config, { result: { data } }));
}
