/**
 * The network of one node of a Patroni cluster: a proxy for each of the three who talk to it. Each can
 * be cut off as a broken switch does it. Bytes vanish then, and nobody is told.
 */
import { WireProxy } from "../faults/wire_proxy.ts";

export class NodeNetwork {
  private constructor(
    /** Weir. */
    readonly clients: WireProxy,
    /** The other node. */
    readonly replication: WireProxy,
    /** The etcd, which Patroni asks who the leader is. */
    readonly etcd: WireProxy,
  ) {}

  /** @param port PostgreSQL's */
  static of(port: number, etcdUrl: string): NodeNetwork {
    const node = `postgres://127.0.0.1:${port}`;
    return new NodeNetwork(WireProxy.to(node), WireProxy.to(node), WireProxy.to(etcdUrl));
  }

  get etcdUrl(): string {
    return `http://127.0.0.1:${this.etcd.port}`;
  }

  get replicationPort(): number {
    return this.replication.port;
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
    return [this.clients, this.replication, this.etcd];
  }
}
