/**
 * Callers that leave while their orders wait for a slow database. Their orders are stored once or not
 * at all, and nothing of the calls stays in the process.
 */
import { connect } from "node:net";
import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { report, withFaults } from "../../support/faults/fault_run.ts";
import { mostResidentMiB } from "../../support/faults/memory.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";
import { anInput } from "../../support/load/orders.ts";
import { RawSocket, request } from "../../support/load/raw_calls.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import type { ServiceProcess } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";

const CALLS = 10_000;
/** The calls of a wave: by the lane of simple calls, by node:http, and over WebSocket. */
const [SIMPLE, CHUNKED, SOCKETS, CALLS_OF_SOCKET] = [100, 100, 5, 10];
const WAVE = SIMPLE + CHUNKED + SOCKETS * CALLS_OF_SOCKET;
const DELAY_MS = 100;
/** The heap needs thirty thousand calls to grow to the size of this load. Four rounds are forty. */
const WARM_ROUNDS = 4;
/** The memory of ten thousand calls more, as a part of the most that it was before. */
const MOST_PART = 1.1;

/** The gauges of everything that a call holds while it is under way. */
const GAUGES = [
  "weir_writer_queue_orders",
  "weir_writer_queue_bytes",
  "weir_connections",
  "weir_unread_bytes",
  "weir_unfinished_bytes",
  "weir_answer_bytes",
  "weir_live_subscribers",
];

function placing(url: string, isChunked: boolean): string {
  const body = JSON.stringify(anInput());
  const size = new TextEncoder().encode(body).length;
  const head = `POST /trpc/orders.place HTTP/1.1\r\nHost: ${new URL(url).host}\r\n` +
    `Authorization: Bearer ${KEY}\r\nContent-Type: application/json\r\n`;
  return isChunked
    ? `${head}Transfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`
    : `${head}Content-Length: ${size}\r\n\r\n${body}`;
}

/** Sends an order and hangs up as soon as it is sent: in order, or with a reset. */
function callAndLeave(url: string, isChunked: boolean, isReset: boolean): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
    socket.write(placing(url, isChunked), () => {
      setTimeout(() => isReset ? socket.resetAndDestroy() : socket.destroy(), DELAY_MS / 4);
    });
  });
}

async function socketLeaves(url: string): Promise<void> {
  const raw = await RawSocket.open(url, KEY);
  for (let id = 1; id <= CALLS_OF_SOCKET; id++) {
    raw.send({ id, method: "mutation", params: { path: "orders.place", input: anInput() } });
  }
  await new Promise((resolve) => setTimeout(resolve, DELAY_MS / 4));
  raw.socket.terminate();
}

/** One wave of callers, each of whom leaves while its order waits. */
async function wave(url: string): Promise<void> {
  await Promise.all([
    ...Array.from({ length: SIMPLE }, (_, index) => callAndLeave(url, false, index % 2 === 0)),
    ...Array.from({ length: CHUNKED }, (_, index) => callAndLeave(url, true, index % 2 === 0)),
    ...Array.from({ length: SOCKETS }, () => socketLeaves(url)),
  ]);
}

/** @returns the most memory meanwhile, in MiB */
function waves(service: ServiceProcess, rounds: number): Promise<number> {
  return mostResidentMiB(service, async () => {
    for (let calls = 0; calls < rounds * CALLS; calls += WAVE) await wave(service.url);
  });
}

async function valueOf(url: string, sample: string): Promise<number> {
  const { text } = await request(`${url}/metrics`);
  const found = text.split("\n").find((line) => line.startsWith(`${sample} `));
  return Number(found?.slice(sample.length));
}

Deno.test("the callers of fifty thousand calls leave while their orders wait: each order is stored once or not at all, and nothing is kept", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.postgres.url);
    try {
      const service = await run.instance({ DATABASE_URL: proxy.through(run.postgres.url) });
      const { url } = service;
      const client = createTestClient(url, KEY);
      await client.api.orders.place.mutate(anInput()); // the sessions are made without a delay
      proxy.delayMs = DELAY_MS;
      const before = await waves(service, WARM_ROUNDS);
      const most = await waves(service, 1);
      const committed = () => valueOf(url, 'weir_orders_total{outcome="committed"}');
      for (const gauge of GAUGES) {
        const left = gauge === "weir_connections" ? 2 : 0; // the client and the scrape
        await until(`${gauge} to go back`, async () => await valueOf(url, gauge) <= left);
      }
      const [{ count }] = await run.ask((sql) =>
        sql<[{ count: number }]>`
        select count(*)::int from orders`
      );
      const calls = (WARM_ROUNDS + 1) * CALLS;
      report("callers that leave", { calls, stored: count, memoryMiB: [before, most] });
      assertEquals(count, await committed());
      assertGreater(count, calls / 2, "most orders had arrived when their callers left");
      assertLessOrEqual(most, MOST_PART * before, "MiB");
      const { orderId } = await client.api.orders.place.mutate(anInput());
      assert(orderId);
      await client.close();
      proxy.delayMs = 0;
      const folded = async () => (await run.ask((sql) => sql`select from journal`)).length === 0;
      await until("the journal to be folded", folded);
      await run.ask(expectExact);
    } finally {
      await proxy.close();
    }
  }));
