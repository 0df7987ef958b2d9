import { assertEquals, assertRejects } from "@std/assert";
import type { Snapshot } from "../../../client/contract/snapshot.ts";
import { EventStream } from "../../../server/front/event_stream.ts";
import { SlowClients } from "../../../server/front/slow_clients.ts";
import { until } from "../../support/services/services.ts";

const SNAPSHOT = { scope: "*", currencies: [] } as unknown as Snapshot;
const FRAME = 'data: {"scope":"*","currencies":[]}\nid: 1:2\n\n\n';

/** A stream of events on an answer of tRPC that the test writes. */
function aStream() {
  const slowClients = new SlowClients(1_000_000);
  const stream = new EventStream(slowClients, new Set());
  const { readable, writable } = new TransformStream<string, string>();
  const headers = { "content-type": "text/event-stream" };
  const answer = new Response(readable.pipeThrough(new TextEncoderStream()), { headers });
  const trpc = writable.getWriter();
  const client = stream.carry(answer).body!.pipeThrough(new TextDecoderStream()).getReader();
  /** A part that is lost must fail the test, and not let it wait for ever. */
  const next = async () => {
    const parts: (ReadableStreamReadResult<string> | { readonly error: unknown })[] = [];
    client.read().then((part) => parts.push(part), (error) => parts.push({ error }));
    const part = await until("the next part", () => parts[0]);
    if ("error" in part) throw part.error;
    return part.value;
  };
  return { stream, trpc, next, stop: () => slowClients.stop() };
}

Deno.test("values past tRPC stand between its own events, each whole and once", async () => {
  const { stream, trpc, next, stop } = aStream();
  const turn = async () => {
    const slot = stream.slots.open();
    await slot.turn();
    return slot;
  };
  void trpc.write("event: connected\n\n");
  assertEquals(await next(), "event: connected\n\n");
  for (let round = 0; round < 3; round++) {
    const [reading, slot] = [next(), await turn()];
    stream.sender.frame("1:2", SNAPSHOT);
    slot.sent();
    assertEquals(await reading, FRAME);
  }
  const [reading, slot] = [next(), await turn()];
  stream.sender.frame("1:2", SNAPSHOT);
  void trpc.write("event: return\n\n"); // before the frame is read
  slot.sent();
  assertEquals(await reading, FRAME);
  assertEquals(await next(), "event: return\n\n");
  void trpc.close();
  assertEquals(await next(), undefined);
  stop();
});

Deno.test("an error of tRPC's stream ends the body, also after values past it", async () => {
  const { stream, trpc, next, stop } = aStream();
  const reading = next();
  await stream.slots.open().turn();
  stream.sender.frame("1:2", SNAPSHOT);
  assertEquals(await reading, FRAME);
  const failing = next();
  await trpc.abort(new Error("broken"));
  await assertRejects(() => failing, Error, "broken");
  stop();
});
