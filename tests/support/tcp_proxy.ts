/**
 * A TCP proxy between an instance and its database, so that a test can take the one from the other.
 *
 *   passing  bytes go both ways.
 *   mute     what is sent arrives, what is answered does not: the caller cannot know the outcome.
 *   cut      every connection is reset and new ones are refused, as by a machine without a server.
 *
 * It always comes back on the port it began with.
 */
import { until } from "./services.ts";

type Connection = { readonly near: Deno.TcpConn; readonly far: Deno.TcpConn };

export class TcpProxy {
  readonly port: number;
  #listener: Deno.TcpListener | null;
  #mute = false;
  readonly #open = new Set<Connection>();
  readonly #ways = new Set<Promise<void>>();

  private constructor(listener: Deno.TcpListener, readonly target: Deno.ConnectOptions) {
    this.port = listener.addr.port;
    this.#listener = listener;
    this.#accept(listener);
  }

  /** Starts one in front of what `url` points at. */
  static to(url: string): TcpProxy {
    const { hostname, port } = new URL(url);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return new TcpProxy(listener, { hostname, port: Number(port) });
  }

  /** `url` by way of this proxy. */
  through(url: string): string {
    const by = new URL(url);
    by.host = `127.0.0.1:${this.port}`;
    return by.href;
  }

  cut(): void {
    this.#listener?.close();
    this.#listener = null;
    this.#endAll();
  }

  /** Lets connections through again, also after `mute`. */
  async mend(): Promise<void> {
    this.#mute = false;
    if (this.#listener !== null) return;
    this.#listener = await until("the port to be free again", () => this.#listen());
    this.#accept(this.#listener);
  }

  mute(): void {
    this.#mute = true;
  }

  async close(): Promise<void> {
    this.cut();
    await Promise.all(this.#ways);
  }

  /** Null while the listener before is not yet quite closed. */
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
    if (this.#listener === null) this.#end(connection); // it was cut meanwhile
    await Promise.all([
      this.#pass(connection, near, far, () => false),
      this.#pass(connection, far, near, () => this.#mute),
    ]);
  }

  /** Passes bytes on until either side ends, which ends both. */
  async #pass(
    connection: Connection,
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    isMute: () => boolean,
  ): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
        if (isMute()) continue;
        let written = 0;
        while (written < read) written += await to.write(buffer.subarray(written, read));
      }
    } catch {
      // The connection is gone; what was on its way is lost, as on a real network.
    } finally {
      this.#end(connection);
    }
  }

  #endAll(): void {
    for (const connection of this.#open) this.#end(connection);
  }

  #end(connection: Connection): void {
    if (!this.#open.delete(connection)) return;
    connection.near.close();
    connection.far.close();
  }
}
