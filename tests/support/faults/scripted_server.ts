/**
 * A TCP server that answers each connection with bytes of the test, such as the recorded error of a
 * pooler or the greeting of another program.
 */
export interface ScriptedServer {
  readonly port: number;
  /** The connections so far. */
  readonly count: () => number;
  close(): Promise<void>;
}

/** The answer to a piece of the client's bytes; null: none, and the connection is closed. */
export type Answer = (piece: Uint8Array) => Uint8Array | string | null;

const TLS_REQUEST = 80_877_103;

/** Starts a server on the loopback address. */
export function startScriptedServer(answer: Answer): ScriptedServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = new Set<Promise<void>>();
  let count = 0;
  const accepting = (async () => {
    for await (const connection of listener) {
      count++;
      const one = serve(connection, answer).catch(() => undefined).finally(() => {
        serving.delete(one);
      });
      serving.add(one);
    }
  })();
  return {
    port: listener.addr.port,
    count: () => count,
    close: async () => {
      listener.close();
      await accepting;
      await Promise.all(serving);
    },
  };
}

async function serve(connection: Deno.Conn, answer: Answer): Promise<void> {
  try {
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const read = await connection.read(buffer);
      if (read === null) return;
      const said = answer(buffer.slice(0, read));
      if (said === null) return;
      const bytes = typeof said === "string" ? new TextEncoder().encode(said) : said;
      for (let written = 0; written < bytes.length;) {
        written += await connection.write(bytes.subarray(written));
      }
    }
  } finally {
    connection.close();
  }
}

/** True for the bytes by which a client asks for TLS. */
export function isTlsRequest(piece: Uint8Array): boolean {
  return piece.length === 8 && new DataView(piece.buffer).getInt32(4) === TLS_REQUEST;
}

/** An ErrorResponse of PostgreSQL's protocol. PgBouncer sends these fields and no others. */
export function errorResponse(code: string, message: string): Uint8Array {
  return framed("E", `SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
}

/** An authentication request of PostgreSQL's protocol. */
export function authenticationRequest(way: number, rest = ""): Uint8Array {
  return framed("R", `\0\0\0${String.fromCharCode(way)}${rest}`);
}

function framed(letter: string, text: string): Uint8Array {
  const body = new TextEncoder().encode(text);
  const bytes = new Uint8Array(5 + body.length);
  bytes[0] = letter.charCodeAt(0);
  new DataView(bytes.buffer).setInt32(1, 4 + body.length);
  bytes.set(body, 5);
  return bytes;
}
