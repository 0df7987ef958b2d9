/** Clients that do not finish their request, and callers that do not read their answers. */
import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { type InstanceTest, KEY, withInstance } from "../../support/services/instance.ts";
import { anInput } from "../../support/load/orders.ts";
import { RawSocket } from "../../support/load/raw_calls.ts";
import { until } from "../../support/services/services.ts";
import { RawConnection } from "../../support/load/slow_reader.ts";

const CLIENT_TIMEOUT_MS = 2_000;
/** The number of calls. Each answer has more than 100 kB: a refusal for each of 500 orders. */
const CALLS = 300;

function head(line: string, url: string, ...headers: string[]): string {
  const all = [`Host: ${new URL(url).host}`, `Authorization: Bearer ${KEY}`, ...headers];
  return `${line} HTTP/1.1\r\n${all.join("\r\n")}\r\n\r\n`;
}

async function expectGoodOrder({ api }: InstanceTest): Promise<void> {
  assertEquals((await api.orders.place.mutate(anInput())).status, "committed");
}

Deno.test("a request whose body never ends is cut off, however much of it is there", () =>
  withInstance(async (instance) => {
    const begun = head("POST /trpc/orders.place", instance.url, "Content-Length: 1000");
    const chunked = head("POST /trpc/orders.place", instance.url, "Transfer-Encoding: chunked");
    const stalled = [begun, `${begun}{`, `${chunked}5\r\n{`].map((part) => {
      const connection = new RawConnection(instance.url);
      connection.send(part);
      return connection;
    });
    const dripping = new RawConnection(instance.url);
    dripping.send(begun);
    const drip = setInterval(() => dripping.send("{"), CLIENT_TIMEOUT_MS / 20);
    await expectGoodOrder(instance);
    for (const connection of [...stalled, dripping]) {
      await until("an answer", () => connection.received.length > 0);
      assertMatch(connection.received, /^HTTP\/1.1 408 /);
    }
    clearInterval(drip);
    await Promise.all([...stalled, dripping].map((connection) => connection.close()));
    await expectGoodOrder(instance);
  }, { clientTimeoutMs: CLIENT_TIMEOUT_MS }));

Deno.test("a WebSocket caller that asks for far more than it reads is cut", () =>
  withInstance(async (instance) => {
    const input = { orders: Array.from({ length: 500 }, () => 0) };
    const caller = await RawSocket.open(instance.url, KEY);
    await caller.call("query", "ops.status", undefined);
    caller.socket.pause();
    for (let id = 100; id < 100 + CALLS; id++) {
      caller.send({ id, method: "mutation", params: { path: "orders.placeMany", input } });
    }
    caller.socket.resume();
    await caller.ended();
    assertLess(caller.messages.length, CALLS, "the rest was not even kept");
    await expectGoodOrder(instance);
  }));
