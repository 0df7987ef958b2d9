/**
 * A TCP proxy that ends a connection when no byte has moved for a while, in either direction.
 * Proxies of the real world wait for about a minute.
 */
import { Buffer } from "node:buffer";
import { connect, createServer, type Socket } from "node:net";

export interface IdleProxy {
  /** The address of the service through this proxy. */
  readonly url: string;
  /** Connections that were ended because nothing moved. */
  readonly cut: number;
  close(): Promise<void>;
}

/** Starts a proxy in front of `url`, on a port of its own. */
export async function startIdleProxy(url: string, idleMs: number): Promise<IdleProxy> {
  const target = new URL(url);
  const open = new Set<Socket>();
  let cut = 0;
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    const end = () => {
      clearTimeout(timer);
      for (const socket of [near, far]) {
        socket.destroy();
        open.delete(socket);
      }
    };
    const cutOff = () => {
      cut += 1;
      end();
    };
    let timer = setTimeout(cutOff, idleMs);
    for (const [from, to] of [[near, far], [far, near]] as const) {
      open.add(from);
      from.on("data", (bytes: Buffer) => {
        clearTimeout(timer);
        timer = setTimeout(cutOff, idleMs);
        to.write(bytes);
      });
      from.on("error", end);
      from.on("close", end);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    get cut() {
      return cut;
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
