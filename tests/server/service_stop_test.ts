/** The end of a process: after one signal, after two signals, and without any. */
import { assert, assertEquals, assertLess } from "@std/assert";
import type { TestDatabase } from "../support/services/database.ts";
import { createTestClient, KEY, withInstance } from "../support/services/instance.ts";
import { OrderLoad, type Placed } from "../support/load/order_load.ts";
import { anInput } from "../support/load/orders.ts";
import { callHttp, RawSocket } from "../support/load/raw_calls.ts";
import { expectRefusal } from "../support/load/refusals.ts";
import { expectExact } from "../support/recount/recount.ts";
import { type ServiceProcess, withProcesses } from "../support/services/service_process.ts";
import { until } from "../support/services/services.ts";
import { RawConnection } from "../support/load/slow_reader.ts";

/** Expects each acknowledged order in the database, as it was acknowledged. */
async function expectStored(placed: readonly Placed[], { sql }: TestDatabase): Promise<void> {
  const rows = await sql<{ order_id: string; placed_at: Date; total_minor: string }[]>`
    select order_id, placed_at, total_minor from orders`;
  const stored = new Map(rows.map((row) => [row.order_id, row]));
  for (const { acknowledgement: { orderId, placedAt, totalMinor } } of placed) {
    const row = stored.get(orderId);
    assert(row !== undefined, `the order ${orderId} was acknowledged and is not stored`);
    assertEquals([row.placed_at.toISOString(), Number(row.total_minor)], [placedAt, totalMinor]);
  }
}

/** Holds every order up in the database until the transaction ends. */
async function holdOrders(database: TestDatabase) {
  const session = database.session();
  await session`begin`;
  await session`lock table orders in access exclusive mode`;
  return {
    release: async () => void await session`rollback`,
    /** Whether a batch waits for the lock. In the instance's count a batch may just have ended. */
    isWaitedFor: async () => {
      const [row] = await database.sql<{ waiting: string }[]>`
        select count(*) as waiting from pg_locks
        where relation = 'orders'::regclass and not granted`;
      return Number(row?.waiting) > 0;
    },
  };
}

/** True when the status, as JSON, has `part` in it. */
async function statusHas({ url }: ServiceProcess, part: RegExp): Promise<boolean> {
  return part.test((await callHttp(url, "query", "ops.status", undefined, KEY)).text);
}

Deno.test("SIGTERM under load: the door closes, every answer is kept, the exit code is 0", () =>
  withProcesses(async ({ database, start }) => {
    // No batch may give up while the lock is held, even when a busy machine holds it for long.
    const service = await start({ WEIR_STATEMENT_TIMEOUT_MS: "30000" });
    const client = createTestClient(service.url, KEY);
    const load = new OrderLoad(client.api, 50);
    await until("300 orders", () => load.acknowledged.length >= 300);
    const held = await holdOrders(database);
    await until("orders on their way", held.isWaitedFor);
    const begunAt = performance.now();
    service.signal("SIGTERM");
    await until("the door to be closed", () => statusHas(service, /"intake":"draining"/));
    const late = await callHttp(service.url, "mutation", "orders.place", anInput(), KEY);
    expectRefusal(late, "draining");
    await held.release();
    const { code, stderr } = await service.ended;
    assertLess(performance.now() - begunAt, 10_000 + 3_000);
    await load.stop();
    await client.close();
    assertEquals([code, stderr], [0, ""]);
    await expectStored(load.acknowledged, database);
    // Each caller that waited while the door closed has an answer, so no order is stored unknown to
    // its caller. Later callers found a closed door or no process.
    assertEquals((await database.sql`select from orders`).length, load.acknowledged.length);
    for (const reason of load.refused.keys()) assert(["draining", "no answer"].includes(reason));
    await expectExact(database.sql);
  }));

Deno.test("a SIGTERM that cannot finish ends within WEIR_SHUTDOWN_MS, and says so to callers", () =>
  withProcesses(async ({ database, start }) => {
    const service = await start({ WEIR_SHUTDOWN_MS: "500" });
    const held = await holdOrders(database);
    const answer = callHttp(service.url, "mutation", "orders.place", anInput(), KEY);
    await until("a batch", held.isWaitedFor);
    const begunAt = performance.now();
    const { code } = await service.stop();
    assertLess(performance.now() - begunAt, 500 + 5_000);
    assertEquals(code, 0);
    const { status, text } = await answer;
    assertEquals(status, 408);
    assert(text.includes('"outcome_unknown"'), text);
    await held.release();
  }));

Deno.test("the second SIGTERM ends the process at once, with exit code 1", () =>
  withProcesses(async ({ database, start }) => {
    const service = await start();
    const held = await holdOrders(database);
    const answer = callHttp(service.url, "mutation", "orders.place", anInput(), KEY)
      .catch(() => null);
    await until("a batch", held.isWaitedFor);
    service.signal("SIGTERM");
    await service.says(/once more to end at once/);
    const begunAt = performance.now();
    let code: number | null = null;
    service.ended.then((ended) => code = ended.code);
    await until("the end", () => {
      service.signal("SIGTERM"); // a terminal may send a signal twice by accident
      return code !== null;
    });
    assertEquals(code, 1);
    assertLess(performance.now() - begunAt, 5_000);
    assertEquals(await answer, null);
    await held.release();
  }));

Deno.test("kill -9 under load loses no acknowledged order, and another one goes on exactly", () =>
  withProcesses(async ({ database, start }) => {
    const first = await start();
    const client = createTestClient(first.url, KEY);
    const load = new OrderLoad(client.api, 50);
    await until("500 orders", () => load.acknowledged.length >= 500);
    await first.kill();
    await load.stop();
    await client.close();
    await expectStored(load.acknowledged, database);

    const second = await start();
    const again = createTestClient(second.url, KEY);
    const { results } = await again.api.orders.placeMany.mutate({
      orders: load.acknowledged.slice(-200).map(({ order }) => order),
    });
    const before = load.acknowledged.slice(-200).map(({ acknowledgement }) => ({
      ok: true as const,
      ...acknowledgement,
      replayed: true,
    }));
    assertEquals(results, before);
    const orders = (await database.sql`select from orders`).length;
    await until("every order on the dashboard", async () => {
      const { currencies: [figures] } = await again.api.dashboard.snapshot.query({});
      return figures?.today.orders === orders;
    });
    await again.close();
    await second.stop();
    await expectExact(database.sql);
  }));

Deno.test("a subscriber is told to go elsewhere when the process stops", () =>
  withProcesses(async ({ start }) => {
    const service = await start();
    const socket = await RawSocket.open(service.url, KEY);
    const id = socket.subscribe("dashboard.live", {});
    await socket.next((message) => message.id === id && message.result?.type === "data");
    const told = socket.next(({ method }) => method === "reconnect");
    assertEquals((await service.stop()).code, 0);
    await told;
    await socket.ended();
    // The server does not say that the subscription is over: it goes on at another instance.
    const last = socket.messages.filter((message) => message.id === id).at(-1);
    assertEquals(last?.result?.type, "data");
  }));

Deno.test("a stop breaks off SSE streams, so that clients ask another instance for the rest", () =>
  withInstance(async ({ url, instance }) => {
    const stream = new RawConnection(url);
    stream.send(
      `GET /trpc/dashboard.live?input=%7B%7D HTTP/1.1\r\nHost: ${new URL(url).host}\r\n` +
        `Authorization: Bearer ${KEY}\r\nAccept: text/event-stream\r\n\r\n`,
    );
    await until("the first frame", () => stream.received.includes("\nid: "));
    await instance.stop();
    await until("the end of the connection", () => stream.closed);
    // This event would tell the stock client that the subscription has ended for good.
    assertEquals(stream.received.includes("event: return"), false);
  }));
