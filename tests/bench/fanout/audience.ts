/**
 * The audience of the fan-out bench, in a process of its own: subscribers that read frames, or
 * patches, and do not look into them. A line on its input asks for the frames and bytes so far, as JSON, and for the times
 * at which each version has arrived since the last line (Unix ms).
 */
import { connect, type Socket } from "node:net";
import { Buffer } from "node:buffer";

const [url = "", count = "0", token = "", procedure = "dashboard.live"] = Deno.args;
const { hostname, port, pathname } = new URL(url);
/** A frame of the protocol begins like this when it is a whole text of more than 125 bytes. */
const LARGE_TEXT = 0x81;
const SIXTEEN_BITS = 126;

/** Every frame has its event's id, `<epoch>:<version>`, among its first bytes. */
const VERSION = /"id":"\d+:(\d+)"/;
const FIRST_BYTES = 100;

let frames = 0;
let bytes = 0;
let arrivals: Record<string, number[]> = {};

/** Counts the texts that are longer than 125 bytes: those are the figures. */
class Counter {
  #rest = Buffer.alloc(0);

  take(chunk: Buffer): void {
    const now = performance.timeOrigin + performance.now();
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const size = sizeOf(data);
      if (size === null || data.length < size) break;
      if (data[0] === LARGE_TEXT && data[1] === SIXTEEN_BITS) {
        frames++;
        bytes += size;
        const version = VERSION.exec(data.toString("latin1", 4, FIRST_BYTES))?.[1];
        if (version !== undefined) (arrivals[version] ??= []).push(now);
      }
      data = data.subarray(size);
    }
    this.#rest = Buffer.from(data);
  }
}

/** The bytes of the frame that `data` begins with; null: its head is not there. */
function sizeOf(data: Buffer): number | null {
  if (data.length < 2) return null;
  const short = data[1]! & 0x7f;
  if (short < SIXTEEN_BITS) return 2 + short;
  if (short > SIXTEEN_BITS) throw new Error("a frame of more than 64 KiB");
  return data.length < 4 ? null : 4 + data.readUInt16BE(2);
}

function text(message: string): Buffer {
  const payload = Buffer.from(message);
  const head = payload.length < SIXTEEN_BITS
    ? [LARGE_TEXT, 0x80 | payload.length]
    : [LARGE_TEXT, 0x80 | SIXTEEN_BITS, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]); // masked with zeros
}

function join(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once("error", reject);
    socket.write(
      `GET ${pathname}?connectionParams=1 HTTP/1.1\r\nHost: ${hostname}:${port}\r\n` +
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
        `Sec-WebSocket-Key: ${btoa(crypto.randomUUID().slice(0, 16))}\r\n\r\n`,
    );
    const counter = new Counter();
    socket.once("data", (first: Buffer) => {
      const end = first.indexOf("\r\n\r\n") + 4;
      counter.take(first.subarray(end));
      socket.on("data", (chunk: Buffer) => counter.take(chunk));
      socket.write(Buffer.concat([
        text(JSON.stringify({ method: "connectionParams", data: { token } })),
        text(`{"id":1,"method":"subscription","params":{"path":"${procedure}","input":{}}}`),
      ]));
      resolve(socket);
    });
  });
}

const ALL_AT_ONCE = 50;
for (let joined = 0; joined < Number(count); joined += ALL_AT_ONCE) {
  await Promise.all(Array.from({ length: ALL_AT_ONCE }, join));
}
const tell = () => {
  console.log(JSON.stringify({ frames, bytes, arrivals }));
  arrivals = {};
};
tell();
for await (const _ of Deno.stdin.readable) tell();
Deno.exit();
