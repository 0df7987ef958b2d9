import { assertEquals } from "@std/assert";
import { messageText } from "../../../server/front/frame_text.ts";

const CURRENCIES = [{ currency: "EUR", today: { orders: 1 }, name: 'a "quoted" Ä😀 \u2028 name' }];
const snapshot = { scope: "store-1", epoch: 1, ageMs: 12, stale: false, currencies: CURRENCIES };
const frame = (id: number, data: unknown = snapshot) => ({
  id,
  jsonrpc: undefined,
  result: { type: "data", id: "1:2", data: { id: "1:2", data } },
});

Deno.test("messageText() writes frames as JSON.stringify does, for every subscriber its own", () => {
  for (const message of [frame(1), frame(2), { ...frame(3), jsonrpc: "2.0" }]) {
    assertEquals(messageText(message), JSON.stringify(message));
  }
  const older = frame(1, { ...snapshot, ageMs: 99, stale: true });
  assertEquals(messageText(older), JSON.stringify(older));
});

Deno.test("messageText() gives no subscriber the figures of another scope", () => {
  const others = [{ currency: "JPY" }];
  for (const currencies of [CURRENCIES, others, CURRENCIES, others, []]) {
    const message = frame(1, { ...snapshot, currencies });
    assertEquals(messageText(message), JSON.stringify(message));
  }
});

Deno.test("messageText() writes everything that is no frame as JSON.stringify does", () => {
  for (
    const message of [
      { id: 1, result: { type: "started" } },
      { id: 1, result: { type: "data", data: snapshot } },
      { id: 1, error: { message: "no", data: { data: snapshot } } },
      { result: frame(1).result, id: 1 },
      frame(1, { currencies: CURRENCIES, scope: "a" }),
      frame(1, { ...snapshot, currencies: "text" }),
      frame(1, { currencies: CURRENCIES }),
      frame(1, null),
      [frame(1)],
      null,
      "text",
    ]
  ) assertEquals(messageText(message), JSON.stringify(message));
});
