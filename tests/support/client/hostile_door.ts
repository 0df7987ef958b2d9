/**
 * A proxy before an instance that treats each request as a script says: it passes it on, refuses it as
 * Weir does, leaves it without an answer, or loses the answer after the work was done.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { RefusalReason } from "../../../client/mod.ts";

/**
 * - `pass`: the instance answers.
 * - `lost_before`: the connection breaks, and the instance hears nothing.
 * - `lost_after`: the instance does the work, and the connection breaks before its answer.
 * - `half`: the answer breaks off in its middle.
 * - `hang`: no answer, ever.
 * - `page`: a proxy's page.
 * - A refusal: the answer of Weir, with the time to wait.
 */
export type Treatment =
  | "pass"
  | "lost_before"
  | "lost_after"
  | "half"
  | "hang"
  | "page"
  | { readonly reason: RefusalReason; readonly retryAfterMs?: number };

export interface HostileDoor {
  readonly url: string;
  /** Decides on the next request. */
  treat: (path: string) => Treatment;
  readonly requests: () => number;
  close(): Promise<void>;
}

/** @param target the address of the instance at this moment. */
export async function startHostileDoor(target: () => string): Promise<HostileDoor> {
  let requests = 0;
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    requests++;
    const treatment = door.treat(incoming.url ?? "");
    const body = await bodyOf(incoming);
    if (treatment === "hang") return;
    if (treatment === "lost_before") return void outgoing.destroy();
    if (treatment === "page") {
      outgoing.writeHead(502, { "content-type": "text/html" });
      return void outgoing.end("<html>Bad gateway</html>");
    }
    if (typeof treatment === "object") return refuse(incoming, outgoing, treatment);
    const response = await fetch(target() + incoming.url, {
      method: incoming.method ?? "GET",
      headers: headersOf(incoming),
      ...(body.length === 0 ? {} : { body }),
    });
    const type = response.headers.get("content-type") ?? "";
    if (type.startsWith("text/event-stream")) return await stream(response, outgoing);
    const text = await response.text();
    if (treatment === "lost_after") return void outgoing.destroy();
    outgoing.writeHead(response.status, { "content-type": type });
    if (treatment === "pass") return void outgoing.end(text);
    outgoing.write(text.slice(0, text.length / 2), () => outgoing.destroy());
  };
  const server = createServer((incoming, outgoing) =>
    void answer(incoming, outgoing).catch(() => outgoing.destroy())
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const door: HostileDoor = {
    url: `http://127.0.0.1:${port}`,
    treat: () => "pass",
    requests: () => requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return door;
}

async function bodyOf(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

function headersOf(incoming: IncomingMessage): Record<string, string> {
  const names = ["authorization", "content-type", "accept", "last-event-id"];
  return Object.fromEntries(names.flatMap((name) => {
    const value = incoming.headers[name];
    return typeof value === "string" ? [[name, value]] : [];
  }));
}

/** Passes an event stream on until either end closes it. */
async function stream(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, { "content-type": "text/event-stream" });
  const reader = response.body!.getReader();
  outgoing.once("close", () => void reader.cancel().catch(() => undefined));
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    outgoing.write(part.value);
  }
  outgoing.end();
}

/** Refuses each call of the request. */
function refuse(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { reason, retryAfterMs }: Extract<Treatment, object>,
): void {
  const url = new URL(incoming.url ?? "", "http://door");
  const data = { code: "SERVICE_UNAVAILABLE", httpStatus: 503, reason, retryAfterMs };
  const refusal = { error: { message: reason, code: -32603, data } };
  const calls = url.pathname.split(",").length;
  const isBatch = url.searchParams.has("batch");
  outgoing.writeHead(503, { "content-type": "application/json" });
  outgoing.end(JSON.stringify(isBatch ? Array(calls).fill(refusal) : refusal));
}
