/** A listener on a real port, which is lost in the ways in which one can be lost. */
import { createServer, type Server } from "node:http";
import { connect, Server as TcpServer } from "node:net";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ListenError } from "../../../../server/front/connections/listen_error.ts";
import { listen, type Listener } from "../../../../server/front/connections/listener.ts";
import { until } from "../../../support/services/services.ts";

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
  const response = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
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
