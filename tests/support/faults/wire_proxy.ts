/**
 * A TCP proxy between an instance and one of its servers. A test can separate the two, also at a
 * chosen moment. Each way (requests to the server, replies from it) can be held or dropped, and
 * replies can be delayed. A test sees the text of each request before it passes, and can decide
 * then. The proxy can also be cut: it resets every connection and refuses new ones, like a machine
 * without a server.
 *
 * Bytes pass in their order. `open` lets held bytes through. Dropped bytes are gone, as when the
 * network dies after the server has acted. After a cut, the proxy comes back on the same port.
 */
import { until } from "../services/services.ts";

/**
 * Part of PostgreSQL's answer to a batch that is committed. A refusal lacks it, and so does the answer
 * to Parse: after both the same batch goes to the server once more.
 */
export const CARRIED_OUT = "SELECT 1\0";

export type Way = "open" | "held" | "dropped";

interface Connection {
  readonly near: Deno.TcpConn;
  readonly far: Deno.TcpConn;
}

export class WireProxy {
  readonly port: number;
  /** Sees each piece of the requests, as text. May change the ways before the piece passes. */
  onRequest: (text: string) => void = () => undefined;
  /** Sees each piece of the replies, as text. "dropped" takes away this piece and no other. */
  onReply: (text: string) => "dropped" | void = () => undefined;
  /** The delay of every reply. */
  delayMs = 0;
  #requests: Way = "open";
  #replies: Way = "open";
  #listener: Deno.TcpListener | null;
  readonly #open = new Set<Connection>();
  readonly #ways = new Set<Promise<void>>();
  readonly #wakers = new Set<() => void>();

  private constructor(listener: Deno.TcpListener, private target: Deno.ConnectOptions) {
    this.port = listener.addr.port;
    this.#listener = listener;
    this.#accept(listener);
  }

  /** Starts a proxy in front of the server at `url`. */
  static to(url: string): WireProxy {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return new WireProxy(listener, addressOf(url));
  }

  /** Sends new connections to the server at `url`. Open connections stay. */
  redirect(url: string): void {
    this.target = addressOf(url);
  }

  /** Changes `url` so that it leads through this proxy. */
  through(url: string): string {
    const by = new URL(url);
    by.host = `127.0.0.1:${this.port}`;
    return by.href;
  }

  set requests(way: Way) {
    this.#requests = way;
    this.#wake();
  }

  set replies(way: Way) {
    this.#replies = way;
    this.#wake();
  }

  /** Lets everything through on both ways, held pieces first. */
  open(): void {
    this.requests = "open";
    this.replies = "open";
  }

  /** Resets every connection and refuses new ones. */
  cut(): void {
    this.#listener?.close();
    this.#listener = null;
    this.dropConnections();
  }

  /** Resets every connection, and goes on taking new ones. */
  dropConnections(): void {
    for (const connection of this.#open) this.#end(connection);
    this.#wake();
  }

  /** Takes connections again, on the same port. */
  async mend(): Promise<void> {
    this.open();
    if (this.#listener !== null) return;
    this.#listener = await until("the port to be free again", () => this.#listen());
    this.#accept(this.#listener);
  }

  async close(): Promise<void> {
    this.delayMs = 0;
    this.cut();
    this.open();
    while (this.#ways.size > 0) await Promise.all(this.#ways);
  }

  /** Null while the previous listener still holds the port. */
  #listen(): Deno.TcpListener | null {
    try {
      return Deno.listen({ hostname: "127.0.0.1", port: this.port });
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) return null;
      throw error;
    }
  }

  #accept(listener: Deno.TcpListener): void {
    const accepting = (async () => {
      for await (const near of listener) this.#track(this.#forward(near));
    })();
    this.#track(accepting);
  }

  #track(way: Promise<void>): void {
    const tracked = way.catch(() => undefined).finally(() => this.#ways.delete(tracked));
    this.#ways.add(tracked);
  }

  async #forward(near: Deno.TcpConn): Promise<void> {
    let far: Deno.TcpConn;
    try {
      far = await Deno.connect(this.target) as Deno.TcpConn;
    } catch (error) {
      near.close();
      throw error;
    }
    const connection = { near, far };
    this.#open.add(connection);
    if (this.#listener === null) this.#end(connection); // the proxy was cut meanwhile
    await Promise.all([
      this.#pass(connection, near, far, "request"),
      this.#pass(connection, far, near, "reply"),
    ]);
  }

  /**
   * Goes on reading while earlier pieces wait, so that a delay adds time and takes no bandwidth.
   */
  async #pass(
    connection: Connection,
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    kind: "request" | "reply",
  ): Promise<void> {
    let before: Promise<void> = Promise.resolve();
    try {
      for (;;) {
        const buffer = new Uint8Array(65_536);
        const read = await from.read(buffer);
        if (read === null) break;
        const piece = buffer.subarray(0, read);
        const text = new TextDecoder("latin1").decode(piece);
        if (kind === "request") this.onRequest(text);
        else if (this.onReply(text) === "dropped") continue;
        const dueAt = performance.now() + (kind === "reply" ? this.delayMs : 0);
        before = before.then(() => this.#deliver(connection, to, piece, kind, dueAt));
        before.catch(() => undefined); // awaited below
      }
      await before;
    } catch {
      // The connection is gone, and with it the bytes on their way, as on a real network.
    } finally {
      await before.catch(() => undefined);
      this.#end(connection);
    }
  }

  async #deliver(
    connection: Connection,
    to: Deno.TcpConn,
    piece: Uint8Array,
    kind: "request" | "reply",
    dueAt: number,
  ): Promise<void> {
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    while (this.#wayOf(kind) === "held" && this.#open.has(connection)) await this.#change();
    if (this.#wayOf(kind) === "dropped") return;
    let written = 0;
    while (written < piece.length) written += await to.write(piece.subarray(written));
  }

  #wayOf(kind: "request" | "reply"): Way {
    return kind === "request" ? this.#requests : this.#replies;
  }

  async #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakers.add(resolve);
    await promise;
    this.#wakers.delete(resolve);
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
  }

  #end(connection: Connection): void {
    if (!this.#open.delete(connection)) return;
    connection.near.close();
    connection.far.close();
  }
}

function addressOf(url: string): Deno.ConnectOptions {
  const { hostname, port } = new URL(url);
  return { hostname, port: Number(port) };
}
