/** Ten thousand random malformed calls: they break nothing, and good orders still commit. */
import { connect } from "node:net";
import { assert, assertEquals } from "@std/assert";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import {
  connectionParams,
  malformedMessage,
  type MalformedRequest,
  malformedRequest,
} from "../../support/attacks/malformed.ts";
import { anInput } from "../../support/load/orders.ts";
import { Random } from "../../support/load/random.ts";
import { authorization, exchange, RawSocket } from "../../support/load/raw_calls.ts";
import { type ServiceProcess, withProcesses } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";

const REQUESTS = 5_000;
const CONNECTIONS = 100;
const MESSAGES_EACH = 50;
/** So many, because most of them wait for a refusal that is held back. */
const PARALLEL = 40;
const SEED = crypto.getRandomValues(new Uint32Array(1))[0]!;

/** Runs `each` for every number below `count`, a few at a time. */
async function inParallel(count: number, each: (index: number) => Promise<void>): Promise<void> {
  const indexes = Array(count).keys();
  const work = async () => {
    for (const index of indexes) await each(index);
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
}

/** Runs `test` with a process. Afterwards the process must live and have reported no bug. */
function withService(test: (service: ServiceProcess) => Promise<void>): Promise<void> {
  return withProcesses(async ({ database, start }) => {
    const service = await start();
    const client = createTestClient(service.url, KEY);
    await test(service);
    const order = anInput();
    const { orderId, status } = await client.api.orders.place.mutate(order);
    assertEquals(status, "committed");
    const found = await database.sql`select from orders where order_id = ${orderId}`;
    assertEquals(found.length, 1);
    await until(
      "all subscribers to be gone",
      async () => (await client.api.ops.status.query()).live.subscribers === 0,
    );
    await client.close();
    const { code, stdout, stderr } = await service.stop();
    assertEquals([code, /bug|nobody caught|stack/.exec(stdout + stderr)?.input ?? ""], [0, ""]);
  });
}

/** The text of an answer. A stream is left after its first event. */
async function textOf(response: Response): Promise<string> {
  const type = response.headers.get("content-type") ?? "";
  if (!/event-stream|jsonl/.test(type)) return await response.text();
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const timer = setTimeout(() => reader.cancel().catch(() => undefined), 200);
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    text += value ?? "";
    if (done || /serialized-error|\ndata: \{"/.test(text)) break;
  }
  clearTimeout(timer);
  await reader.cancel();
  return text;
}

/** Checks that the answer reports no bug and shows no place in the code. */
function expectHarmless(text: string, what: () => string): void {
  const wrong = /"httpStatus":5\d\d|INTERNAL_SERVER_ERROR|"stack"|node_modules|\.ts:\d/.exec(text);
  assert(wrong === null, `seed ${SEED}: ${wrong?.[0]} in ${text.slice(0, 500)}\nto ${what()}`);
}

function shown({ method, target, headers, body }: MalformedRequest): string {
  const text = body instanceof Uint8Array ? `bytes ${body}` : body ?? "";
  return `${method} ${target}\n${JSON.stringify(headers)}\n${text.slice(0, 2_000)}`;
}

Deno.test("5,000 malformed HTTP requests: never a 5xx, and the next good order commits", () =>
  withService(async ({ url }) => {
    const statuses = new Map<number, number>();
    await inParallel(REQUESTS, async (index) => {
      const request = malformedRequest(new Random(SEED + index), KEY);
      const { target, method, headers, body } = request;
      const response = await fetch(`${url}${target}`, { method, headers, body });
      const { status } = response;
      const text = await textOf(response);
      const what = () => `case ${index}: ${shown(request)}`;
      assert(status < 500, `seed ${SEED}: ${status} ${text.slice(0, 500)}\nto ${what()}`);
      expectHarmless(text, what);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    });
    assert((statuses.get(400) ?? 0) > REQUESTS / 4, JSON.stringify([...statuses]));
  }));

Deno.test("5,000 malformed WebSocket messages: never a bug, and the next good order commits", () =>
  withService(async ({ url }) => {
    let answered = 0;
    await inParallel(CONNECTIONS, async (index) => {
      const random = new Random(SEED + index);
      const query = random.pick(["?connectionParams=1", "?connectionParams=1", "", "?a=%zz"]);
      // A connection without a good key ends with the first refusal.
      const socket = await RawSocket.connect(url, query, authorization(KEY));
      const sent: (string | Uint8Array<ArrayBuffer>)[] = [];
      const send = (message: string | Uint8Array<ArrayBuffer>) => {
        sent.push(message);
        socket.send(message);
      };
      if (query === "?connectionParams=1") send(connectionParams(random, KEY));
      for (let count = 0; count < MESSAGES_EACH; count++) send(malformedMessage(random));
      // The server reads in order, so an answer to the last message means that it read all of them.
      // Bad params end the connection earlier.
      socket.send(JSON.stringify({ id: "last", method: "query", params: { path: "nothing" } }));
      await until(
        "the last answer",
        () => socket.closed || socket.messages.some(({ id }) => id === "last"),
      );
      answered += socket.messages.length;
      expectHarmless(
        socket.messages.map((message) => JSON.stringify(message)).join("\n"),
        () => `connection ${index}: ${sent.map(String).join("\n").slice(0, 5_000)}`,
      );
      if (random.chance(0.5)) socket.socket.terminate();
      await socket.close();
    });
    assert(answered > CONNECTIONS * MESSAGES_EACH / 2, `${answered} answers`);
  }));

Deno.test("requests that break the protocol are answered with 4xx or not at all", () =>
  withService(async ({ url }) => {
    const { host, port } = new URL(url);
    const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    const heads = [
      `GET /trpc HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\n`,
      `GET /trpc HTTP/1.1\r\nHost: ${host}\r\n${upgrade}`,
      `GET /trpc HTTP/1.1\r\nHost: ${host}\r\n${upgrade}Sec-WebSocket-Key: x\r\n`,
      `GET /trpc HTTP/1.0\r\nHost: ${host}\r\n${upgrade}`,
      `POST /trpc/orders.place HTTP/1.1\r\nHost: ${host}\r\n${upgrade}Content-Length: 0\r\n`,
      `GET /trpc/ops.status HTTP/1.1\r\nHost: ${host}\r\n${upgrade}`,
      `GET / HTTP/1.1\r\nHost: ${host}\r\n${upgrade}`,
      `OPTIONS * HTTP/1.1\r\nHost: ${host}\r\n`,
      `GET http://elsewhere.invalid/trpc/ops.status HTTP/1.1\r\nHost: ${host}\r\n`,
      `GET //elsewhere.invalid/../trpc HTTP/1.1\r\nHost: ${host}\r\n`,
      "GET /trpc/ops.status HTTP/1.1\r\n",
      "GET /trpc/ops.status HTTP/1.1\r\nHost: a b\r\n",
      "GET /trpc/ops.status HTTP/1.1\r\nHost: [::1\r\n",
      "GET /trpc/ops.status HTTP/1.1\r\nHost: \u00ff\r\n",
      `GET /../../deno.json HTTP/1.1\r\nHost: ${host}\r\n`,
      `GET /%2e%2e/deno.json HTTP/1.1\r\nHost: ${host}\r\n`,
      `TRACE /trpc HTTP/1.1\r\nHost: ${host}\r\n`,
      `POST /trpc/orders.place HTTP/1.1\r\nHost: ${host}\r\nContent-Length: -1\r\n`,
      `POST /trpc/orders.place HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1e9\r\n`,
      `POST /trpc/orders.place HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: gzip\r\n`,
      `GET /${"a".repeat(100_000)} HTTP/1.1\r\nHost: ${host}\r\n`,
      `GET / HTTP/1.1\r\nHost: ${host}\r\nX: ${"a".repeat(200_000)}\r\n`,
      "\u0016\u0003\u0001 a TLS hello",
    ];
    for (const head of heads) {
      const answer = await exchange(Number(port), `${head}Connection: close\r\n\r\n`);
      const [, status = "none"] = /^HTTP\/1\.[01] (\d+)/.exec(answer) ?? [];
      assert(!status.startsWith("5"), `${answer.slice(0, 300)}\nto ${head.slice(0, 300)}`);
      expectHarmless(answer, () => head.slice(0, 300));
      assert(!answer.includes('"tasks"'), "no file beside the page's is served");
    }
  }));

Deno.test("a client that resets its connection in the middle of an upgrade breaks nothing", () =>
  withService(async ({ url }) => {
    const { hostname, port, host } = new URL(url);
    const upgrade = (path: string) =>
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    await inParallel(300, async (index) => {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => undefined);
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.once(
        "connect",
        () =>
          socket.write(
            upgrade(index % 2 === 0 ? "/nothing" : "/trpc"),
            () => socket.resetAndDestroy(),
          ),
      );
      await closed;
    });
  }));
