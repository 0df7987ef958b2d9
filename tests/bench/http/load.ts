/**
 * The load of the HTTP benches, in a process of its own: callers with a connection each. Each calls
 * after the answer to its last call, or when a call is due (load_task.ts). It speaks HTTP by hand, because a client
 * library costs more of the machine than the servers that are measured.
 *
 * It prints one line of JSON: the answers of the measured time, and their times.
 */
import type { Call, LoadReport, LoadTask } from "./load_task.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const HEAD_END = "\r\n\r\n";

async function load(
  { url, callers, warmUpMs, measureMs, call, ratePerSecond, goodStatus }: LoadTask,
): Promise<LoadReport> {
  const { hostname, port } = new URL(url);
  const beginAt = performance.now() + warmUpMs;
  const endAt = beginAt + measureMs;
  const due = ratePerSecond === null ? null : new DueCalls(ratePerSecond, endAt);
  const times: number[] = [];
  const failures: Record<string, number> = {};
  const run = async () => {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay(true);
    const reader = new AnswerReader(connection);
    for (;;) {
      const sentAt = due === null ? performance.now() : await due.next();
      if (sentAt >= endAt) break;
      await connection.write(encoder.encode(requestOf(call)));
      const status = await reader.next();
      const now = performance.now();
      if (sentAt < beginAt || (due === null && now > endAt)) continue;
      if (status === goodStatus) times.push(now - sentAt);
      else failures[status] = (failures[status] ?? 0) + 1;
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: callers }, run));
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return {
    perSecond: times.length / measureMs * 1_000,
    p50Ms: at(0.5) ?? NaN,
    p99Ms: at(0.99) ?? NaN,
    failures,
  };
}

/** Calls that are due at a steady rate. A free caller takes the oldest one. */
class DueCalls {
  #next = performance.now();
  readonly #everyMs: number;

  constructor(ratePerSecond: number, readonly endAt: number) {
    this.#everyMs = 1_000 / ratePerSecond;
  }

  /** Waits until a call is due. @returns the moment at which it was */
  async next(): Promise<number> {
    const dueAt = this.#next;
    this.#next += this.#everyMs;
    const waitMs = Math.min(dueAt, this.endAt) - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    return dueAt;
  }
}

let made = 0;
const run = crypto.randomUUID().slice(0, 8);

function orderOf(): string {
  const index = made++;
  const lines = `{"sku":"sku-${index % 50}","quantity":${1 + index % 3},"unitPriceMinor":${
    100 + index % 997
  }},{"sku":"sku-${index % 7}","quantity":1,"unitPriceMinor":250}`;
  return `{"storeId":"store-${index % 20}","idempotencyKey":"${run}-${index}","currency":"EUR",` +
    `"lines":[${lines}],"customerRef":"customer-${index % 1_000}"}`;
}

function bodyOf({ ordersACall }: Call): string {
  if (ordersACall === 0) return "";
  if (ordersACall === 1) return orderOf();
  return `{"orders":[${Array.from({ length: ordersACall }, orderOf).join(",")}]}`;
}

function requestOf(call: Call): string {
  const head = `${call.method} ${call.path} HTTP/1.1\r\nhost: 127.0.0.1\r\n` +
    (call.token === null ? "" : `authorization: Bearer ${call.token}\r\n`);
  if (call.method === "GET") return `${head}\r\n`;
  const body = bodyOf(call);
  return `${head}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

/** Reads whole answers off a connection. */
class AnswerReader {
  #text = "";
  readonly #buffer = new Uint8Array(65_536);

  constructor(readonly connection: Deno.Conn) {}

  /** Waits for the next answer. @returns its status */
  async next(): Promise<number> {
    for (;;) {
      const headEnd = this.#text.indexOf(HEAD_END);
      if (headEnd >= 0) {
        const end = this.#endOf(headEnd);
        if (end !== null && this.#text.length >= end) {
          const status = Number(this.#text.slice(9, 12));
          this.#text = this.#text.slice(end);
          return status;
        }
      }
      const read = await this.connection.read(this.#buffer);
      if (read === null) throw new Error("the server has closed the connection");
      this.#text += decoder.decode(this.#buffer.subarray(0, read));
    }
  }

  /** Where the answer ends. Null: it is not known yet. The answers of the benches are ASCII. */
  #endOf(headEnd: number): number | null {
    const head = this.#text.slice(0, headEnd).toLowerCase();
    const bodyStart = headEnd + HEAD_END.length;
    const length = /content-length: *(\d+)/.exec(head)?.[1];
    if (length !== undefined) return bodyStart + Number(length);
    const last = this.#text.indexOf("0\r\n\r\n", bodyStart);
    return last < 0 ? null : last + 5;
  }
}

if (import.meta.main) {
  const task = JSON.parse(Deno.args[0] ?? "") as LoadTask;
  console.log(JSON.stringify(await load(task)));
}
