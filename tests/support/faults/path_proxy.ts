/**
 * A reverse proxy that serves an instance below a path and takes the path off, as proxies of the
 * real world do. A request for any other path is not found.
 */
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";

export interface PathProxy {
  /** The address of the instance below the path, such as `http://127.0.0.1:1234/weir/`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts a proxy in front of `target`, on a port of its own. @param path such as `/weir` */
export async function startPathProxy(target: string, path: string): Promise<PathProxy> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  const below = (url = "") => url.startsWith(`${path}/`) ? url.slice(path.length) : null;
  const server = createServer((call, answer) => {
    const place = below(call.url);
    if (place === null) {
      answer.writeHead(404).end();
      return;
    }
    const { method, headers } = call;
    const passed = request({ hostname, port, path: place, method, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    call.pipe(passed);
  });
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  server.on("upgrade", (call: IncomingMessage, near: Socket, head: Buffer) => {
    const place = below(call.url);
    if (place === null) return near.destroy();
    const far = connect(Number(port), hostname, () => {
      const lines = call.rawHeaders.flatMap((name, index) =>
        index % 2 === 0 ? [`${name}: ${call.rawHeaders[index + 1]}`] : []
      );
      far.write([`GET ${place} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
      far.write(head);
      far.pipe(near).pipe(far);
    });
    for (const [one, other] of [[near, far], [far, near]] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}${path}/`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
