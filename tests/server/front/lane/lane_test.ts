import { assert, assertEquals, assertMatch } from "@std/assert";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { AnswerBudget } from "../../../../server/front/answers/answer_budget.ts";
import type { Visitor } from "../../../../server/front/connections/visitors.ts";
import type { Front } from "../../../../server/front/front.ts";
import { Lane } from "../../../../server/front/lane/lane.ts";
import { anInput } from "../../../support/load/orders.ts";
import { RawConnection } from "../../../support/load/slow_reader.ts";
import { type InstanceTest, KEY, withInstance } from "../../../support/services/instance.ts";
import { until } from "../../../support/services/services.ts";

function placing(
  { url }: Pick<InstanceTest, "url">,
  order = anInput(),
  ...headers: string[]
): string {
  const body = JSON.stringify(order);
  const bytes = new TextEncoder().encode(body).length;
  const all = [
    `Host: ${new URL(url).host}`,
    `Authorization: Bearer ${KEY}`,
    "Content-Type: application/json",
    `Content-Length: ${bytes}`,
    ...headers,
  ];
  return `POST /trpc/orders.place HTTP/1.1\r\n${all.join("\r\n")}\r\n\r\n${body}`;
}

/** The heads of the answers so far. node:http writes `Date`, and the lane `date`. */
const byLane = (received: string) => received.match(/^date: /gm)?.length ?? 0;
const byNode = (received: string) => received.match(/^Date: /gm)?.length ?? 0;
const idsOf = (received: string) =>
  [...received.matchAll(/"orderId":"([^"]+)"/g)].map(([, id]) => id);

async function withConnection(
  instance: InstanceTest,
  test: (connection: RawConnection) => Promise<void>,
): Promise<void> {
  const connection = new RawConnection(instance.url);
  try {
    await test(connection);
  } finally {
    await connection.close();
  }
}

async function committed({ database: { sql } }: InstanceTest): Promise<string[]> {
  const rows = await sql<{ idempotency_key: string }[]>`select idempotency_key from orders`;
  return rows.map((row) => row.idempotency_key);
}

Deno.test("calls that come together on the lane are answered in their order", () =>
  withInstance((instance) =>
    withConnection(instance, async (connection) => {
      const orders = Array.from({ length: 30 }, () => anInput({ customerRef: "Ä😀" }));
      connection.send(orders.map((order) => placing(instance, order)).join(""));
      await until("all answers", () => byLane(connection.received) === orders.length);
      const rows = await instance.database.sql<{ order_id: string; idempotency_key: string }[]>`
        select order_id, idempotency_key from orders`;
      const idOf = new Map(rows.map((row) => [row.idempotency_key, row.order_id]));
      assertEquals(
        idsOf(connection.received),
        orders.map(({ idempotencyKey }) => idOf.get(idempotencyKey)),
      );
    })
  ));

Deno.test("a request that comes in pieces, or is not simple, goes to node:http, and so do all after it", () =>
  withInstance(async (instance) => {
    const whole = placing(instance);
    for (const cut of [1, 20, whole.indexOf("\r\n\r\n") + 2, whole.length - 10]) {
      await withConnection(instance, async (connection) => {
        connection.send(placing(instance));
        await until("the first answer", () => byLane(connection.received) === 1);
        const order = placing(instance);
        connection.send(order.slice(0, cut));
        await new Promise((resolve) => setTimeout(resolve, 20)); // they arrive apart
        connection.send(order.slice(cut));
        await until("the answer of node:http", () => byNode(connection.received) === 1);
        connection.send(placing(instance));
        await until("one more", () => byNode(connection.received) === 2);
        assertEquals(connection.received.match(/"status":"committed"/g)?.length, 3);
      });
    }
    await withConnection(instance, async (connection) => {
      const order = anInput();
      connection.send(placing(instance) + placing(instance, order, "Origin: http://127.0.0.1"));
      await until("the answer to the second", () => /403 Forbidden/.test(connection.received));
      assert(!(await committed(instance)).includes(order.idempotencyKey));
    });
  }));

Deno.test("a client that has said everything gets its answers, and then the end", () =>
  withInstance(async (instance) => {
    const { hostname, port } = new URL(instance.url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const text = placing(instance) + placing(instance);
    await connection.write(new TextEncoder().encode(text));
    await connection.closeWrite();
    const received = await new Response(connection.readable).text();
    assertEquals([byLane(received), idsOf(received).length], [2, 2]);
  }));

Deno.test("a client that ends with a request that is not simple gets its answer too", () =>
  withInstance(async (instance) => {
    const { hostname, port } = new URL(instance.url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const text = placing(instance) + placing(instance, anInput(), "Connection: close");
    await connection.write(new TextEncoder().encode(text));
    await connection.closeWrite();
    const received = await new Response(connection.readable).text();
    assertEquals([byLane(received), byNode(received), idsOf(received).length], [1, 1, 2]);
  }));

Deno.test("a long request of a stranger is not held on the lane while its key is looked up", () =>
  withInstance(async (instance) => {
    const long = anInput({ metadata: { note: "x".repeat(2_000) } });
    const many = JSON.stringify({ orders: Array.from({ length: 20 }, () => long) });
    const head = placing(instance).split("\r\n\r\n")[0]!
      .replace("orders.place", "orders.placeMany").replace(
        /Content-Length: \d+/,
        `Content-Length: ${many.length}`,
      );
    const short = placing(instance);
    for (const [first, ways] of [["", [0, 1]], [short, [2, 0]]] as const) {
      await withConnection(instance, async (connection) => {
        if (first !== "") {
          connection.send(first);
          await until("the first answer", () => byLane(connection.received) === 1);
        }
        connection.send(`${head}\r\n\r\n${many}`);
        const answers = ways[0] + ways[1];
        await until(
          "the answers",
          () => byLane(connection.received) + byNode(connection.received) === answers,
        );
        assertEquals([byLane(connection.received), byNode(connection.received)], [...ways]);
      });
    }
  }));

Deno.test("a client that leaves while its order waits loses nothing, and leaves nothing behind", () =>
  withInstance(async (instance) => {
    const order = anInput();
    const { hostname, port } = new URL(instance.url);
    await instance.database.sql.begin(async (holder) => {
      await holder`lock table orders in access exclusive mode`;
      const connection = await Deno.connect({ hostname, port: Number(port) });
      await connection.write(new TextEncoder().encode(placing(instance, order)));
      await until("the order to wait", async () => {
        const { writer } = await instance.api.ops.status.query();
        return writer.queuedOrders + writer.inFlightBatches > 0;
      });
      connection.close();
    });
    await until(
      "the order",
      async () => (await committed(instance)).includes(order.idempotencyKey),
    );
    const response = await fetch(`${instance.url}/metrics`);
    assertMatch(await response.text(), /^weir_unread_bytes 0$/m);
  }));

Deno.test("the answer to a wrong key is the last one on its connection", () =>
  withInstance((instance) =>
    withConnection(instance, async (connection) => {
      const order = anInput();
      const wrong = placing(instance).replace(KEY, "wrong");
      connection.send(wrong + placing(instance, order));
      await until("the end", () => connection.closed);
      assertMatch(connection.received, /^HTTP\/1.1 401 /);
      assertEquals(byLane(connection.received), 1);
      await instance.api.orders.place.mutate(anInput()); // the batch of an order before it has ended
      assert(!(await committed(instance)).includes(order.idempotencyKey));
    })
  ));

Deno.test("a large answer that is asked for after its client is gone does not count for ever", async () => {
  const answers = new AnswerBudget();
  const socket = Object.assign(new EventEmitter(), { setNoDelay: () => undefined });
  const watched = { add: () => undefined, delete: () => undefined };
  const front = { answers, slowClients: watched } as unknown as Front;
  const nothing = () => undefined;
  const aLane = () => new Lane(socket as unknown as Socket, {} as Visitor, front, nothing, nothing);
  const lane = aLane();
  assertEquals(await lane.answers.make("key", 1_000, () => Promise.resolve("text")), "text");
  assert(answers.bytes > 0, "it counts while its client is there");
  socket.emit("close");
  assertEquals(answers.bytes, 0);
  const late = aLane();
  socket.emit("close");
  await late.answers.make("key", 1_000, () => Promise.resolve("text")).catch(() => undefined);
  assertEquals(answers.bytes, 0);
});
