/**
 * An answer on its way to the client: from a `Response` to the connection.
 *
 * A stream is read only as fast as the client reads. A client that takes nothing of its answer for
 * 30 s (slow_clients.ts) is disconnected, whatever the answer is.
 *
 * Tested in tests/server/front/slow_clients_test.ts and unread_answers_test.ts.
 */
import type { ServerResponse } from "node:http";
import type { SlowClients, WatchedClient } from "../slow_clients.ts";

const EVENT_STREAM = "text/event-stream";

/**
 * Sends `response`, and resolves when the client has it or is gone.
 * @param to.gone aborts when the client is gone
 */
export async function sendAnswer(
  response: Response,
  outgoing: ServerResponse,
  { slowClients, gone }: { readonly slowClients: SlowClients; readonly gone: AbortSignal },
): Promise<void> {
  const { body, status, headers } = response;
  outgoing.statusCode = status;
  for (const [name, value] of headers) {
    if (name !== "transfer-encoding") outgoing.setHeader(name, value);
  }
  const watched = new AnswerOnItsWay(outgoing, gone);
  slowClients.add(watched);
  try {
    if (body === null || outgoing.req.method === "HEAD") {
      body?.cancel().catch(() => undefined);
      return await watched.end();
    }
    const isStream = headers.has("transfer-encoding") ||
      headers.get("content-type")?.startsWith(EVENT_STREAM) === true;
    if (!isStream) return await watched.end(new Uint8Array(await response.arrayBuffer()));
    outgoing.flushHeaders();
    await pump(body.getReader(), watched);
  } catch {
    outgoing.destroy(); // the stream was broken off on purpose, see event_stream.ts
  } finally {
    slowClients.delete(watched);
  }
}

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  watched: AnswerOnItsWay,
): Promise<void> {
  const gone = watched.gone.then(() => reader.cancel().catch(() => undefined));
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    await watched.write(read.value);
  }
  await Promise.race([watched.end(), gone]);
}

class AnswerOnItsWay implements WatchedClient {
  takenBytes = 0;
  unreadBytes = 0;
  /** Resolves when the connection is closed. */
  readonly gone: Promise<void>;

  constructor(readonly outgoing: ServerResponse, readonly isGone: AbortSignal) {
    this.gone = new Promise((resolve) => {
      outgoing.once("close", resolve);
      isGone.addEventListener("abort", () => resolve());
      if (isGone.aborted) resolve();
    });
    outgoing.on("error", () => undefined); // its close says all
  }

  giveUp(): void {
    this.outgoing.destroy();
  }

  /** Resolves when the connection has taken `bytes`, or is gone. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.outgoing.destroyed || this.isGone.aborted) return;
    this.unreadBytes += bytes.length;
    const taken = new Promise<void>((resolve) => this.outgoing.write(bytes, () => resolve()));
    await Promise.race([taken, this.gone]);
    this.unreadBytes -= bytes.length;
    this.takenBytes += bytes.length;
  }

  async end(bytes?: Uint8Array): Promise<void> {
    if (this.outgoing.destroyed || this.isGone.aborted) return;
    this.unreadBytes += bytes?.length ?? 0;
    if (bytes === undefined) this.outgoing.end();
    else {
      this.outgoing.setHeader("content-length", bytes.length);
      this.outgoing.end(bytes);
    }
    const sent = new Promise<void>((resolve) => this.outgoing.once("finish", resolve));
    await Promise.race([sent, this.gone]);
    this.unreadBytes = 0;
  }
}
