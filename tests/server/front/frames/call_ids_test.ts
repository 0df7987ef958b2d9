import { assertEquals } from "@std/assert";
import { liveInput } from "../../../../client/contract/snapshot.ts";
import { notedId, noteId } from "../../../../server/front/frames/call_ids.ts";

/** The raw input after `noteId` has looked at the message. */
function inputOf(message: unknown): unknown {
  noteId(message);
  return (message as { params?: { input?: unknown } }).params?.input;
}

function live(parts: object, params: object = {}) {
  return {
    id: 7,
    method: "subscription",
    params: { path: "dashboard.live", ...params },
    ...parts,
  };
}

Deno.test("the id of a live subscription travels in its raw input, also where it has none", () => {
  assertEquals(notedId(inputOf(live({}, { input: { storeId: "a" } }))), 7);
  assertEquals(notedId(inputOf(live({}))), 7);
  assertEquals(notedId(inputOf(live({ id: "seven" }))), "seven");
  assertEquals(notedId(inputOf(live({}, { path: "ops.onStatus" }))), 7);
  assertEquals(notedId(inputOf(live({}, { path: "dashboard.livePatches" }))), 7);
  const input = inputOf(live({}, { input: {} })) as object;
  assertEquals(notedId({ ...input, lastEventId: "1:2" }), 7, "tRPC copies an input so");
});

Deno.test("no other message is touched, and no shape or text lets the id through", () => {
  for (
    const message of [
      null,
      "text",
      [],
      live({ method: "query" }),
      live({ id: null }),
      live({ id: { a: 1 } }),
      live({ jsonrpc: "2.0" }),
      live({ params: null }),
      live({}, { path: "orders.onStatus" }),
      live({}, { input: null }),
      live({}, { input: 5 }),
    ]
  ) {
    const before = structuredClone(message);
    noteId(message);
    assertEquals(message, before);
  }
  assertEquals(notedId({ id: 7, "Symbol(the id of the call)": 7 }), null);
  const input = inputOf(live({}, { input: { storeId: "a" } }));
  assertEquals(notedId(liveInput.parse(input)), null);
  assertEquals(JSON.stringify(input), '{"storeId":"a"}');
});
