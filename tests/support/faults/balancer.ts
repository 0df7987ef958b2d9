/**
 * A load balancer for tests: each connection goes to the first instance that takes it. When an
 * instance has died, its stock clients reconnect to the same address and resume on another one.
 */
export class Balancer {
  /** The number of connections that an instance took. */
  connections = 0;
  readonly #open = new Set<Deno.TcpConn>();
  readonly #ways = new Set<Promise<void>>();

  private constructor(
    readonly listener: Deno.TcpListener,
    readonly targets: () => readonly string[],
  ) {
    this.#track(this.#accept());
  }

  /** @param targets the addresses of the instances, the preferred one first; asked each time */
  static over(targets: () => readonly string[]): Balancer {
    return new Balancer(Deno.listen({ hostname: "127.0.0.1", port: 0 }), targets);
  }

  get url(): string {
    return `http://127.0.0.1:${this.listener.addr.port}`;
  }

  /** Ends every connection, so that each client looks for an instance again. */
  dropConnections(): void {
    for (const connection of this.#open) this.#end(connection);
  }

  async close(): Promise<void> {
    this.listener.close();
    this.dropConnections();
    while (this.#ways.size > 0) await Promise.all(this.#ways);
  }

  async #accept(): Promise<void> {
    for await (const near of this.listener) this.#track(this.#forward(near));
  }

  async #forward(near: Deno.TcpConn): Promise<void> {
    this.#open.add(near);
    const far = await this.#connect();
    if (far === null) return this.#end(near);
    this.#open.add(far);
    this.connections++;
    await Promise.all([this.#pass(near, far), this.#pass(far, near)]);
  }

  async #connect(): Promise<Deno.TcpConn | null> {
    for (const target of this.targets()) {
      const { hostname, port } = new URL(target);
      const far = await Deno.connect({ hostname, port: Number(port) }).catch(() => null);
      if (far !== null) return far;
    }
    return null;
  }

  /** Passes bytes on until either side ends, which ends both. */
  async #pass(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
        let written = 0;
        while (written < read) written += await to.write(buffer.subarray(written, read));
      }
    } catch {
      // The connection is gone, for example because its instance was killed.
    } finally {
      this.#end(from);
      this.#end(to);
    }
  }

  #end(connection: Deno.TcpConn): void {
    if (this.#open.delete(connection)) connection.close();
  }

  #track(way: Promise<void>): void {
    const tracked = way.catch(() => undefined).finally(() => this.#ways.delete(tracked));
    this.#ways.add(tracked);
  }
}
