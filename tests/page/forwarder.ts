/**
 * A TCP forwarder between an instance and its database. A test can cut this one connection while
 * all others of the database stay.
 */

export interface Forwarder {
  /** Changes `databaseUrl` so that it leads through this forwarder. */
  through(databaseUrl: string): string;
  /** Ends every connection and refuses new ones. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** Starts a forwarder on a port of its own. */
export function startForwarder(): Forwarder {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const ways = new Set<Promise<void>>();
  let target: { hostname: string; port: number } | null = null;
  let isCut = false;
  const forward = async (near: Deno.TcpConn) => {
    if (isCut || target === null) return near.close();
    const far = await Deno.connect(target);
    const ends = [near, far];
    ends.forEach((end) => open.add(end));
    // A lost connection ends both ways. Bytes on their way are lost, as on a real network.
    await Promise.all([near.readable.pipeTo(far.writable), far.readable.pipeTo(near.writable)])
      .catch(() => undefined);
    ends.forEach((end) => drop(end, open));
  };
  const accepting = (async () => {
    for await (const connection of listener) {
      const way = forward(connection).finally(() => ways.delete(way));
      ways.add(way);
    }
  })();
  const dropAll = () => open.forEach((end) => drop(end, open));
  return {
    through: (databaseUrl) => {
      const url = new URL(databaseUrl);
      target = { hostname: url.hostname, port: Number(url.port) };
      url.host = `127.0.0.1:${listener.addr.port}`;
      return url.href;
    },
    cut: () => {
      isCut = true;
      dropAll();
    },
    mend: () => {
      isCut = false;
    },
    close: async () => {
      listener.close();
      await accepting;
      dropAll();
      await Promise.all(ways);
    },
  };
}

function drop(end: Deno.TcpConn, open: Set<Deno.TcpConn>): void {
  if (!open.delete(end)) return;
  try {
    end.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error; // the pipe has closed this end
  }
}
