/** A listener on a real port, lost in each way in which a listener can be lost. */
import { createServer, type Server } from "node:http";
import { connect, Server as TcpServer } from "node:net";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ListenError } from "../../../../server/front/connections/listen_error.ts";
import { listen, type Listener } from "../../../../server/front/connections/listener.ts";
import { until } from "../../../support/services/services.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const QUICK = { callEveryMs: 50, giveUpMs: 300 };

async function withListener(
  test: (stage: { server: Server; listener: Listener; lost: Error[] }) => Promise<void>,
): Promise<void> {
  const lost: Error[] = [];
  const server = createServer((_, outgoing) => void outgoing.end("ok"));
  const listener = await listen(server, {
    host: "127.0.0.1",
    port: 0,
    onLost: (error) => void lost.push(error),
    ...QUICK,
  });
  try {
    await test({ server, listener, lost });
  } finally {
    await listener.stop();
    server.closeAllConnections();
  }
}

async function answers(port: number): Promise<boolean> {
  const signal = AbortSignal.timeout(1_000);
  const response = await fetch(`http://127.0.0.1:${port}/`, { signal }).catch(() => null);
  return await response?.text() === "ok";
}

Deno.test("a listener that ends though nobody asked listens again on its port", () =>
  withListener(async ({ server, listener, lost }) => {
    assert(await answers(listener.port));
    TcpServer.prototype.close.call(server);
    await until("the port to answer again", () => answers(listener.port));
    assertEquals([listener.restarts, lost.length], [1, 0]);
  }));

Deno.test("a listener whose port somebody else has taken meanwhile says so, once", () =>
  withListener(async ({ server, listener, lost }) => {
    TcpServer.prototype.close.call(server);
    const thief = Deno.listen({ hostname: "127.0.0.1", port: listener.port });
    await until("the listener to give up", () => lost.length > 0);
    assert(lost[0] instanceof ListenError);
    thief.close();
  }));

/** A program that may have few descriptors. It says its port, and later when it listens again. */
const FEW_DESCRIPTORS = `
  import { createServer } from "node:http";
  import { listen } from "${ROOT}server/front/connections/listener.ts";
  const server = createServer((_, outgoing) => void outgoing.end("ok"));
  server.on("connection", (socket) => socket.on("error", () => undefined));
  const onLost = (error) => { throw error; };
  const { port } = await listen(server, { host: "127.0.0.1", port: 0, onLost, callEveryMs: 200 });
  console.log(port);`;

Deno.test("a listener without a descriptor for a new connection listens again once there is one", async () => {
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      'ulimit -n 80; exec "$@"',
      "sh",
      Deno.execPath(),
      "run",
      "-A",
      "--cached-only",
      "--config",
      `${ROOT}deno.json`,
      "-",
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(FEW_DESCRIPTORS));
  await input.close();
  const output = child.stdout.getReader();
  const port = Number(new TextDecoder().decode((await output.read()).value));
  const sockets = Array.from({ length: 120 }, () => connect(port, "127.0.0.1"));
  for (const socket of sockets) socket.on("error", () => undefined);
  let answered = 0;
  for (const socket of sockets) {
    socket.once("data", () => answered++);
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  await until("the first connections to be answered", () => answered > 0);
  for (const socket of sockets) socket.destroy();
  await until("the port to answer again", () => answers(port));
  await output.cancel();
  child.kill("SIGKILL");
  await child.status;
});

Deno.test("a port in use is an error at once", async () => {
  const other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = other.addr;
  const server = createServer();
  await assertRejects(
    () => listen(server, { host: "127.0.0.1", port, onLost: () => undefined }),
    ListenError,
    "is in use by another process",
  );
  other.close();
});

Deno.test("a listener that has stopped stays so, and lets its connections go on", () =>
  withListener(async ({ server, listener }) => {
    const client = connect(listener.port, "127.0.0.1");
    await new Promise((resolve) => server.once("connection", resolve));
    await listener.stop();
    assert(!await answers(listener.port));
    const answered = new Promise<string>((resolve) =>
      client.once("data", (data: Uint8Array) => resolve(new TextDecoder().decode(data)))
    );
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert((await answered).startsWith("HTTP/1.1 200"));
    client.destroy();
    assertEquals(listener.restarts, 0);
  }));
