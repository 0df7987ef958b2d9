import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { errorDataOf } from "../../../client/mod.ts";
import { KEY, type TestInstance, withInstance } from "../../support/services/instance.ts";
import { anInput } from "../../support/load/orders.ts";
import {
  authorization,
  callHttp,
  exchange,
  RawSocket,
  request,
} from "../../support/load/raw_calls.ts";
import { expectRefusal } from "../../support/load/refusals.ts";
import { until } from "../../support/services/services.ts";
import { RawConnection } from "../../support/load/slow_reader.ts";

const BOUND_BYTES = 1_048_576;
/** The number of chunks. If each were kept as a view of 64 KiB, they would take 512 MiB. */
const TINY_CHUNKS = 8_192;

/** JSON of exactly `bytes`: much white space, then a good order. */
function paddedOrder(bytes: number): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(anInput()).padStart(bytes));
}

function post(url: string, body: BodyInit) {
  const headers = { "content-type": "application/json", ...authorization(KEY) };
  return request(`${url}/trpc/orders.place`, { method: "POST", headers, body });
}

/** A body that is sent in chunks and does not declare its length. */
function chunked(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([bytes]).stream();
}

async function expectGoodOrder({ api }: TestInstance): Promise<void> {
  const { status } = await api.orders.place.mutate(anInput());
  assertEquals(status, "committed");
}

Deno.test("a body over 1 MiB is payload_too_large, one of exactly 1 MiB is not", () =>
  withInstance(async (instance) => {
    for (const bodyOf of [(bytes: Uint8Array<ArrayBuffer>) => bytes, chunked]) {
      const fits = await post(instance.url, bodyOf(paddedOrder(BOUND_BYTES)));
      assertEquals(fits.status, 200, fits.text);
      const over = await post(instance.url, bodyOf(paddedOrder(BOUND_BYTES + 1)));
      expectRefusal(over, "payload_too_large");
      const farOver = await post(instance.url, bodyOf(paddedOrder(BOUND_BYTES * 20)));
      expectRefusal(farOver, "payload_too_large");
      await expectGoodOrder(instance);
    }
  }));

Deno.test("a wrong declared length lets no larger body through", () =>
  withInstance(async (instance) => {
    const { hostname, port } = new URL(instance.url);
    const body = "a".repeat(BOUND_BYTES * 2);
    const head = [
      "POST /trpc/orders.place HTTP/1.1",
      `Host: ${hostname}:${port}`,
      "Content-Type: application/json",
      `Authorization: Bearer ${KEY}`,
      "Content-Length: 10",
      "Transfer-Encoding: chunked",
      "Connection: close",
    ].join("\r\n");
    const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const answer = await exchange(Number(port), `${head}\r\n\r\n${chunk}`);
    const [, status] = /^HTTP\/1\.1 (\d+)/.exec(answer) ?? [];
    assert(status === "413" || status === "400", `answered ${answer.slice(0, 200)}`);
    await expectGoodOrder(instance);
  }));

Deno.test("a body in thousands of small chunks is read right, and costs no more than its bytes", () =>
  withInstance(async (instance) => {
    const { url } = instance;
    const connection = new RawConnection(url);
    connection.send(
      `POST /trpc/orders.place HTTP/1.1\r\nHost: ${new URL(url).host}\r\n` +
        `Authorization: Bearer ${KEY}\r\nContent-Type: application/json\r\n` +
        "Transfer-Encoding: chunked\r\n\r\n",
    );
    const before = Deno.memoryUsage().external;
    let most = before;
    const chunks = [...new TextDecoder().decode(paddedOrder(TINY_CHUNKS))]
      .map((byte) => `1\r\n${byte}\r\n`);
    // The chunks are sent slowly, so that the server has read most of them before the last is sent.
    for (let index = 0; index < chunks.length; index += 50) {
      await new Promise((resolve) =>
        connection.socket.write(chunks.slice(index, index + 50).join(""), resolve)
      );
      most = Math.max(most, Deno.memoryUsage().external);
    }
    connection.send("0\r\n\r\n");
    await until("an answer", () => {
      most = Math.max(most, Deno.memoryUsage().external);
      return connection.received.includes("\r\n\r\n");
    });
    assertMatch(connection.received, /^HTTP\/1\.1 200 /);
    await connection.close();
    assertLess(most - before, TINY_CHUNKS * 65_536 / 4);
    await expectGoodOrder(instance);
  }));

Deno.test("a message over 1 MiB ends its connection with 1009, whatever kind of message it is", () =>
  withInstance(async (instance) => {
    const text = JSON.stringify({
      id: 1,
      method: "mutation",
      params: { path: "orders.place", input: anInput() },
    });
    const fits = await RawSocket.open(instance.url, KEY);
    fits.send(text.padEnd(BOUND_BYTES));
    assert((await fits.next(({ id }) => id === 1)).result !== undefined);
    await fits.close();
    for (const message of [text.padEnd(BOUND_BYTES + 1), new Uint8Array(BOUND_BYTES * 4)]) {
      const socket = await RawSocket.open(instance.url, KEY);
      await socket.call("query", "orders.list", { storeId: "a-store" });
      socket.send(message);
      await socket.ended();
      assertEquals(socket.closeCode, 1009);
      await expectGoodOrder(instance);
    }
  }));

Deno.test("the largest order of the contract is taken, alone and among many", () =>
  withInstance(async ({ api }) => {
    const text = (length: number, of = "é") => of.repeat(length);
    const largest = () =>
      anInput({
        idempotencyKey: `${crypto.randomUUID()}${text(219, "~")}`,
        lines: Array.from({ length: 200 }, (_, index) => ({
          sku: `${index}`.padStart(64, "é"),
          quantity: 1_000_000,
          unitPriceMinor: 45_035_996,
        })),
        customerRef: text(128),
        metadata: Object.fromEntries(
          Array.from({ length: 16 }, (_, index) => [`${index}`.padEnd(64, "é"), text(512)]),
        ),
      });
    const { totalMinor } = await api.orders.place.mutate(largest());
    assertEquals(totalMinor, 200 * 1_000_000 * 45_035_996);
    const fit = Array.from({ length: 15 }, largest);
    const { results } = await api.orders.placeMany.mutate({ orders: fit });
    assertEquals(results.map(({ ok }) => ok), fit.map(() => true));
    // The calls are one more than a body holds, so each call in the client's batch is refused.
    const over = { orders: [...fit, ...Array.from({ length: 15 }, largest)] };
    const refused = await Promise.allSettled([
      api.orders.placeMany.mutate(over),
      api.orders.place.mutate(anInput()),
    ]);
    for (const answer of refused) {
      assert(answer.status === "rejected");
      assertEquals(errorDataOf(answer.reason)?.reason, "payload_too_large");
    }
  }));

Deno.test("a refusal does not grow with the number of mistakes", () =>
  withInstance(async ({ url }) => {
    const many = (value: unknown) =>
      Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`key ${index}`, value]));
    const wrong = [
      { ...anInput(), ...many(1) },
      { ...anInput(), metadata: many(1) },
      { ...anInput(), metadata: { ["k".repeat(900_000)]: 1 } },
      { ...anInput(), lines: Array(400_000).fill(0) },
      { ...anInput(), lines: Array(200).fill({ ["k".repeat(4_000)]: 1 }) },
      { ...anInput(), lines: [Object.assign(many(1), { sku: 1 })] },
    ];
    for (const input of wrong) {
      const refused = await callHttp(url, "mutation", "orders.place", input, KEY);
      expectRefusal(refused, "invalid_input");
      assertLess(refused.text.length, 50_000);
    }
  }));
