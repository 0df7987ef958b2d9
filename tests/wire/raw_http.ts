/**
 * HTTP by hand, over a plain TCP connection. Every byte of a request is written here, and no client
 * hides a part of an answer. Each connection has one request.
 */

export interface HttpRequest {
  readonly method: string;
  /** Path and query, as they stand in the request's first line. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpHead {
  readonly status: string;
  /** `name: value` by name, the name in small letters. */
  readonly headers: readonly string[];
}

export interface HttpAnswer extends HttpHead {
  readonly text: string;
}

/** Headers of the connection or of the moment. They say nothing about the contract. */
const LEFT_OUT = new Set(["connection", "content-length", "date", "transfer-encoding"]);
const WITHOUT_BODY = new Set(["101", "204", "304"]);

/** Sends a request and reads the whole answer. */
export async function exchange(port: number, request: HttpRequest): Promise<HttpAnswer> {
  using reply = await HttpReply.to(port, request);
  let text = "";
  for (let part = await reply.read(); part !== null; part = await reply.read()) text += part;
  return { ...reply.head, text };
}

/** An answer that is read part by part. */
export class HttpReply implements Disposable {
  #bytes = new Uint8Array();
  #decoder = new TextDecoder();
  #read: () => Promise<Uint8Array | null> = () => Promise.resolve(null);
  head: HttpHead = { status: "", headers: [] };

  private constructor(readonly connection: Deno.TcpConn) {}

  /** Sends a request and reads the head of the answer. */
  static async to(port: number, request: HttpRequest): Promise<HttpReply> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const reply = new HttpReply(connection);
    await reply.#write(requestBytes(port, request));
    await reply.#readHead(request.method);
    return reply;
  }

  /** The next part of the body; null at its end. */
  async read(): Promise<string | null> {
    const part = await this.#read();
    return part === null ? null : this.#decoder.decode(part, { stream: true });
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) written += await this.connection.write(bytes.subarray(written));
  }

  async #readHead(method: string): Promise<void> {
    const status = (await this.#line() ?? "").replace(/^HTTP\/1\.1 /, "");
    const headers: [string, string][] = [];
    for (let line = await this.#line(); line !== null && line !== ""; line = await this.#line()) {
      const [, name = "", value = ""] = /^([^:]*): *(.*)$/.exec(line) ?? [];
      headers.push([name.toLowerCase(), value]);
    }
    const kept = headers.filter(([name]) => !LEFT_OUT.has(name));
    this.head = { status, headers: kept.map(([name, value]) => `${name}: ${value}`).sort() };
    if (method === "HEAD" || WITHOUT_BODY.has(status.slice(0, 3))) return;
    const named = new Map(headers);
    if (named.get("transfer-encoding") === "chunked") this.#read = () => this.#chunk();
    else {
      const length = named.get("content-length");
      let left = length === undefined ? Infinity : Number(length);
      this.#read = async () => {
        const part = left > 0 ? await this.#take(1, left) : null;
        left -= part?.length ?? 0;
        return part;
      };
    }
  }

  async #chunk(): Promise<Uint8Array | null> {
    const size = parseInt(await this.#line() ?? "0", 16);
    const part = size > 0 ? await this.#take(size, size) : null;
    await this.#line();
    return part;
  }

  /** At least one number of bytes and at most the other; null when the connection ends before. */
  async #take(least: number, most: number): Promise<Uint8Array | null> {
    while (this.#bytes.length < least) if (!await this.#fill()) return null;
    const taken = this.#bytes.slice(0, Math.min(most, this.#bytes.length));
    this.#bytes = this.#bytes.slice(taken.length);
    return taken;
  }

  async #line(): Promise<string | null> {
    let end = this.#bytes.indexOf(10);
    while (end < 0) {
      if (!await this.#fill()) return null;
      end = this.#bytes.indexOf(10);
    }
    const line = new TextDecoder().decode(this.#bytes.subarray(0, end));
    this.#bytes = this.#bytes.slice(end + 1);
    return line.replace(/\r$/, "");
  }

  /** Waits for more bytes. @returns false when the connection has ended, or was reset */
  async #fill(): Promise<boolean> {
    const buffer = new Uint8Array(65_536);
    const count = await this.connection.read(buffer).catch(() => null);
    if (count === null) return false;
    const all = new Uint8Array(this.#bytes.length + count);
    all.set(this.#bytes);
    all.set(buffer.subarray(0, count), this.#bytes.length);
    this.#bytes = all;
    return true;
  }
}

function requestBytes(port: number, { method, target, headers, body }: HttpRequest): Uint8Array {
  const encoder = new TextEncoder();
  const content = encoder.encode(body ?? "");
  const all: Record<string, string> = {
    host: `127.0.0.1:${port}`,
    connection: "close",
    ...(body === undefined ? {} : { "content-length": String(content.length) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = encoder.encode(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`);
  const bytes = new Uint8Array(head.length + content.length);
  bytes.set(head);
  bytes.set(content, head.length);
  return bytes;
}
