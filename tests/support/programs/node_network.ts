/**
 * The network of one node of a Patroni cluster: a proxy for each way from and to it. Each can
 * be cut off as a broken switch does it. Bytes vanish then, and nobody is told.
 */
import { WireProxy } from "../faults/wire_proxy.ts";

export class NodeNetwork {
  private constructor(
    /** Weir. */
    readonly clients: WireProxy,
    /** The other node. */
    readonly replication: WireProxy,
    /** The other node's Patroni, which asks how far this one is. */
    readonly rest: WireProxy,
    /** The etcd, which Patroni asks who the leader is. */
    readonly etcd: WireProxy,
  ) {}

  static of(postgresPort: number, restPort: number, etcdUrl: string): NodeNetwork {
    const node = `postgres://127.0.0.1:${postgresPort}`;
    return new NodeNetwork(
      WireProxy.to(node),
      WireProxy.to(node),
      WireProxy.to(`http://127.0.0.1:${restPort}`),
      WireProxy.to(etcdUrl),
    );
  }

  get etcdUrl(): string {
    return `http://127.0.0.1:${this.etcd.port}`;
  }

  get replicationPort(): number {
    return this.replication.port;
  }

  get restPort(): number {
    return this.rest.port;
  }

  /** Cuts the node off from everybody. */
  cut(): void {
    for (const proxy of this.#all) [proxy.requests, proxy.replies] = ["dropped", "dropped"];
  }

  /** Connections of before have lost bytes, so they are reset. */
  mend(): void {
    for (const proxy of this.#all) {
      proxy.dropConnections();
      proxy.open();
    }
  }

  async close(): Promise<void> {
    for (const proxy of this.#all) await proxy.close();
  }

  get #all(): readonly WireProxy[] {
    return [this.clients, this.replication, this.rest, this.etcd];
  }
}
