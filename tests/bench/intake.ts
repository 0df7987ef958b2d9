/**
 * The speed of storing orders, from the writer's door to its answer, without HTTP.
 *
 * Three ways store the same kind of orders in turn, for several rounds, on one real PostgreSQL that
 * syncs every commit:
 *
 * - the order writer, with 256 callers that each wait for their answer;
 * - the textbook's one INSERT for each order, by the same callers over a pool of ten;
 * - the ceiling: one connection sends full batches of 256 by a bare INSERT … unnest, without a
 *   journal, idempotent answers or waiting callers.
 */
import { startOrderWriter } from "../../actors/order_writer/order_writer.ts";
import { systemClock } from "../../actors/clock.ts";
import { commitBatch } from "../../sql/orders/batch.ts";
import { openDatabase } from "../../sql/connection/database.ts";
import { connect, type Sql } from "../../sql/connection/driver.ts";
import { migrate } from "../../sql/migrate.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { withEmbedded } from "./stage/embedded.ts";
import { type Bench, type Figure, median } from "./stage/figure.ts";
import { sampleOrder } from "./stage/sample_orders.ts";

const CALLERS = 256;
const ROUNDS = 5;
const ORDERS = 10_000;
/** The textbook's way is slow, so fewer orders are enough. */
const ORDERS_ONE_BY_ONE = 3_000;
const TEXTBOOK_POOL = 10;

type Way = (orders: readonly NewOrder[]) => Promise<void>;

export const intake: Bench = {
  name: "intake",
  run: () => withEmbedded(measure),
};

async function measure(databaseUrl: string): Promise<Figure[]> {
  await migrate({ databaseUrl });
  const database = openDatabase({
    url: databaseUrl,
    statementTimeoutMs: 30_000,
    writeConnections: 2,
  });
  const writer = startOrderWriter({
    store: {
      commit: (orders) => database.write.run((sql) => commitBatch(sql, orders)),
      park: (order) => Promise.reject(new Error(`${order.orderId} was refused`)),
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
  const pool = connect(databaseUrl, { max: TEXTBOOK_POOL });
  const one = connect(databaseUrl, { max: 1 });
  const throughWriter = byCallers(async (order) => {
    const answer = await writer.place(order, 30_000);
    if (!answer.ok) throw new Error(answer.refusal.message);
  });
  const rates = await inTurns({
    writer: [throughWriter, ORDERS],
    textbook: [byCallers((order) => insertOne(pool, order)), ORDERS_ONE_BY_ONE],
    ceiling: [(orders) => insertBare(one, orders), ORDERS],
  });
  await writer.stop(1_000);
  await Promise.all([database.end(), pool.end(), one.end()]);
  return figuresOf(rates);
}

function figuresOf(rates: Readonly<Record<"writer" | "textbook" | "ceiling", number[]>>): Figure[] {
  const unit = "orders/s";
  const ratioTo = (other: readonly number[]) =>
    median(rates.writer.map((rate, round) => rate / (other[round] ?? NaN)));
  return [
    { name: "intake.one_insert_each", value: median(rates.textbook), unit },
    { name: "intake.unnest_ceiling", value: median(rates.ceiling), unit },
    {
      name: "intake.orders_per_s",
      value: median(rates.writer),
      unit,
      ratio: { to: "intake.one_insert_each", value: ratioTo(rates.textbook) },
      aim: "at least 5 times",
    },
    {
      name: "intake.orders_per_s",
      value: median(rates.writer),
      unit,
      ratio: { to: "intake.unnest_ceiling", value: ratioTo(rates.ceiling) },
      aim: "at least 0.6",
    },
  ];
}

/** Rates in orders per second, one for each round. The first round warms up and does not count. */
async function inTurns<Name extends string>(
  ways: Readonly<Record<Name, [Way, number]>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(ways) as Name[];
  const rates = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    number[]
  >;
  for (let round = 0; round <= ROUNDS; round++) {
    for (const name of names) {
      const [way, count] = ways[name];
      const orders = Array.from({ length: count }, (_, index) => sampleOrder(index));
      const begunAt = performance.now();
      await way(orders);
      const seconds = (performance.now() - begunAt) / 1_000;
      if (round > 0) rates[name].push(count / seconds);
    }
  }
  return rates;
}

/** Each caller places its next order after the answer to the previous one. */
function byCallers(place: (order: NewOrder) => Promise<void>): Way {
  return async (orders) => {
    let next = 0;
    const call = async () => {
      for (let order = orders[next++]; order !== undefined; order = orders[next++]) {
        await place(order);
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, call));
  };
}

async function insertOne(sql: Sql, order: NewOrder): Promise<void> {
  await sql`
    INSERT INTO orders (store_id, order_id, idempotency_key, currency, lines, units, total_minor,
                        customer_ref, metadata, content_hash, placed_at, committed_at)
    VALUES (${order.storeId}, ${order.orderId}, ${order.idempotencyKey}, ${order.currency},
            ${order.linesJson}::text::jsonb, ${order.units}, ${order.totalMinor},
            ${order.customerRef}, ${order.metadataJson}::text::jsonb,
            decode(${order.contentHash}, 'hex'), now(), now())`;
}

async function insertBare(sql: Sql, orders: readonly NewOrder[]): Promise<void> {
  for (let from = 0; from < orders.length; from += CALLERS) {
    const batch = orders.slice(from, from + CALLERS);
    const column = <K extends keyof NewOrder>(name: K) => batch.map((order) => order[name]);
    await sql`
      INSERT INTO orders (store_id, order_id, idempotency_key, currency, lines, units, total_minor,
                          customer_ref, metadata, content_hash, placed_at, committed_at)
      SELECT store_id, order_id, idempotency_key, currency, lines::jsonb, units, total_minor,
             customer_ref, metadata::jsonb, decode(content_hash, 'hex'), now(), now()
      FROM unnest(${column("storeId")}::text[], ${column("orderId")}::uuid[],
                  ${column("idempotencyKey")}::text[], ${column("currency")}::text[],
                  ${column("linesJson")}::text[], ${column("units").map(String)}::bigint[],
                  ${column("totalMinor").map(String)}::bigint[], ${column("customerRef")}::text[],
                  ${column("metadataJson")}::text[], ${column("contentHash")}::text[])
        AS i (store_id, order_id, idempotency_key, currency, lines, units, total_minor,
              customer_ref, metadata, content_hash)
      ON CONFLICT (store_id, order_id) DO NOTHING RETURNING order_id, placed_at`;
  }
}
