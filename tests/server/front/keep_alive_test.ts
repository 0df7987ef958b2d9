/**
 * Quiet connections are kept in use, so that no proxy ends them. Times are scaled down: a proxy
 * that waits a minute waits a second here.
 */
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { startIdleProxy } from "../../support/faults/idle_proxy.ts";
import { anInput } from "../../support/load/orders.ts";
import { EventStream } from "../../support/load/event_stream.ts";
import { RawSocket } from "../../support/load/raw_calls.ts";
import { RawConnection } from "../../support/load/slow_reader.ts";
import { KEY, withInstance } from "../../support/services/instance.ts";
import { until } from "../../support/services/services.ts";

const KEEP_ALIVE_MS = 100;
const IDLE_MS = 1_000;
/** So many comments, or pings, need several idle times of the proxy. */
const MANY = 30;

Deno.test("a quiet event stream has comments, and outlives a proxy that ends idle connections", () =>
  withInstance(async ({ url, api }) => {
    const proxy = await startIdleProxy(url, IDLE_MS);
    const raw = new RawConnection(proxy.url);
    raw.send(
      `GET /trpc/dashboard.live?input=%7B%22storeId%22%3A%22quiet%22%7D HTTP/1.1\r\n` +
        `Host: ${
          new URL(proxy.url).host
        }\r\nAuthorization: Bearer ${KEY}\r\nAccept: text/event-stream\r\n\r\n`,
    );
    // A second stream, whose reader fails on anything that is no event of the format.
    const input = { storeId: "quiet" };
    const stream = await EventStream.open(url, "dashboard.live", { token: KEY, input });
    assertEquals((await stream.next())?.event, "connected");
    const first = await stream.next();
    const comments = () => raw.received.split("\n:\n").length - 1;
    await until("many comments", () => comments() >= MANY);
    assertEquals([raw.closed, proxy.cut], [false, 0]);
    await api.orders.place.mutate(anInput({ storeId: "quiet" }));
    let frame = await stream.next();
    while (frame?.id === first?.id) frame = await stream.next(); // a minute that turns has a frame, too
    assert(typeof frame?.id === "string", "the frame after the comments");
    await until(
      "the same frame through the proxy",
      () => raw.received.includes(`id: ${frame?.id}`),
    );
    await stream.close();
    await raw.close();
    await proxy.close();
  }, { keepAliveMs: KEEP_ALIVE_MS }));

Deno.test("a quiet WebSocket has pings, and outlives a proxy that ends idle connections", () =>
  withInstance(async ({ url, api }) => {
    const proxy = await startIdleProxy(url, IDLE_MS);
    const socket = await RawSocket.open(proxy.url, KEY);
    let pings = 0;
    socket.socket.on("ping", () => pings++); // this client answers each ping, and sends none itself
    socket.subscribe("dashboard.live", { storeId: "quiet" });
    await socket.next(({ result }) => result?.type === "data");
    await until("many pings", () => pings >= MANY / 2);
    assertEquals([socket.closed, proxy.cut], [false, 0]);
    await api.orders.place.mutate(anInput({ storeId: "quiet" }));
    await socket.next(({ result }) => result?.type === "data");
    await socket.close();
    await proxy.close();
  }, { keepAliveMs: KEEP_ALIVE_MS }));

Deno.test("a WebSocket whose client is gone without a word is closed, and its stream ends", () =>
  withInstance(async ({ url, api }) => {
    const gone = new RawConnection(url);
    gone.send(
      `GET /trpc HTTP/1.1\r\nHost: ${
        new URL(url).host
      }\r\nAuthorization: Bearer ${KEY}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    await until("the upgrade", () => gone.received.includes(" 101 "));
    gone.socket.write(
      masked('{"id":1,"method":"subscription","params":{"path":"dashboard.live"}}'),
    );
    const subscribers = async () => (await api.ops.status.query()).live.subscribers;
    await until("its stream", async () => await subscribers() === 1);
    await until("the end of the connection", () => gone.closed); // it answers no ping
    await until("the end of the stream", async () => await subscribers() === 0);
    assertGreater(gone.received.length, 200);
    await gone.close();
  }, { keepAliveMs: KEEP_ALIVE_MS }));

/** A text frame of a WebSocket client, shorter than 126 bytes. Its mask is of zeros. */
function masked(text: string): Buffer {
  return Buffer.from(`\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`, "latin1");
}
