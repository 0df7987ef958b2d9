import { assert, assertEquals } from "@std/assert";
import type { LiveUpdate } from "../../../../client/contract/live_update.ts";
import type { OpsStatus } from "../../../../client/contract/ops_status.ts";
import type { Snapshot } from "../../../../client/contract/snapshot.ts";
import { eventText, messageText, socketFrame } from "../../../../server/front/frames/frame_text.ts";

const CURRENCIES = [{ currency: "EUR", today: { orders: 1 }, name: 'a "quoted" Ä😀 \u2028 name' }];
const snapshot = {
  scope: '"currencies":0',
  epoch: 1,
  ageMs: 12,
  stale: false,
  currencies: CURRENCIES,
};
const frame = (id: number, data: unknown = snapshot) => ({
  id,
  jsonrpc: undefined,
  result: { type: "data", data: { id: "1:2", data }, id: "1:2" }, // in tRPC's order
});

function textOf(message: unknown): string {
  const text = messageText(message);
  return typeof text === "string" ? text : new TextDecoder().decode(text);
}

Deno.test("messageText() writes frames as JSON.stringify does, for every subscriber its own", () => {
  for (const message of [frame(1), frame(2), { ...frame(3), jsonrpc: "2.0" }]) {
    assertEquals(textOf(message), JSON.stringify(message));
    assert(messageText(message) instanceof Uint8Array);
  }
  const older = frame(1, { ...snapshot, ageMs: 99, stale: true });
  assertEquals(textOf(older), JSON.stringify(older));
});

Deno.test("messageText() writes a frame whatever the order of its fields is", () => {
  for (
    const message of [
      { result: frame(1).result, id: 1 },
      frame(1, { currencies: CURRENCIES, scope: "a" }),
      frame(1, { currencies: CURRENCIES }),
    ]
  ) assertEquals(textOf(message), JSON.stringify(message));
});

Deno.test("messageText() gives no subscriber the figures of another scope", () => {
  const others = [{ currency: "JPY" }];
  for (const currencies of [CURRENCIES, others, CURRENCIES, others, []]) {
    const message = frame(1, { ...snapshot, currencies });
    assertEquals(textOf(message), JSON.stringify(message));
  }
});

Deno.test("messageText() writes everything that is no frame as JSON.stringify does", () => {
  for (
    const message of [
      { id: 1, result: { type: "started" } },
      { id: 1, result: { type: "data", data: snapshot } },
      { id: 1, error: { message: "no", data: { data: snapshot } } },
      [{ currencies: CURRENCIES }],
      frame(1, { ...snapshot, currencies: "text" }),
      frame(1, null),
      [frame(1)],
      null,
      "text",
    ]
  ) assertEquals(textOf(message), JSON.stringify(message));
});

/** The text of a frame of WebSocket that a server sends. */
function unpacked(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  assertEquals(bytes[0], 0x81, "one whole text, not masked");
  const short = bytes[1]!;
  const [at, size] = short < 126
    ? [2, short]
    : short === 126
    ? [4, view.getUint16(2)]
    : [10, Number(view.getBigUint64(2))];
  assertEquals(bytes.length, at + size);
  return new TextDecoder().decode(bytes.subarray(at));
}

Deno.test("socketFrame() is the same text with the head that its size needs", () => {
  for (const letters of [0, 20, 60, 61, 62, 63, 64, 65, 200, 65_000, 65_400, 65_500, 70_000]) {
    const data = { a: "Ä", currencies: [{ name: "x".repeat(letters) }] } as unknown as Snapshot;
    for (const id of [1, "a", 'an "id"']) {
      const text = unpacked(socketFrame(id, { eventId: "1:2", data }));
      const result = { type: "data", data: { id: "1:2", data }, id: "1:2" };
      assertEquals(text, JSON.stringify({ id, result }));
    }
  }
});

Deno.test("socketFrame() has the right head at each bound of sizes", () => {
  for (const bound of [125, 126, 65_535, 65_536]) {
    const sizeOf = (letters: number) => {
      const data = { currencies: ["x".repeat(letters)] } as unknown as Snapshot;
      return unpacked(socketFrame(1, { eventId: "1:2", data })).length;
    };
    assertEquals(sizeOf(bound - sizeOf(0)), bound);
  }
});

const STATUS = { instanceId: '"data":0', problems: [{ reason: "Ä" }] } as unknown as OpsStatus;

Deno.test("socketFrame() of a status is its text too, also where its own text stands in an id", () => {
  for (const id of [1, '"data":0', "data: 0"]) {
    const text = unpacked(socketFrame(id, { eventId: null, data: STATUS }));
    assertEquals(text, JSON.stringify({ id, result: { type: "data", data: STATUS } }));
  }
});

Deno.test("eventText() is one event as tRPC writes it", () => {
  const decoded = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const data = snapshot as unknown as Snapshot;
  assertEquals(
    decoded(eventText({ eventId: "1:2", data })),
    `data: ${JSON.stringify(snapshot)}\nid: 1:2\n\n\n`,
  );
  assertEquals(
    decoded(eventText({ eventId: null, data: STATUS })),
    `data: ${JSON.stringify(STATUS)}\n\n\n`,
  );
});

const FULL = { kind: "full", number: 1, snapshot } as unknown as LiveUpdate;
const PATCHES = [{ currency: "EUR", topProducts: [0, { sku: 'a "Ä"' }] }];
const patchOf = (patch: object) =>
  ({ kind: "patch", number: 2, base: 1, patch }) as unknown as LiveUpdate;
const UPDATES = [
  FULL,
  patchOf({ version: 2, ageMs: 5, currencies: PATCHES }),
  patchOf({ currencies: PATCHES }),
  patchOf({ currencies: [] }),
  patchOf({ stale: true }),
  patchOf({}),
];

Deno.test("an update is written as JSON.stringify does, for each way of a connection", () => {
  for (const data of UPDATES) {
    const message = frame(7, data);
    const text = JSON.stringify({ id: 7, result: message.result });
    assertEquals(textOf(message), text);
    assertEquals(unpacked(socketFrame(7, { eventId: "1:2", data })), text);
    const event = new TextDecoder().decode(eventText({ eventId: "1:2", data }));
    assertEquals(event, `data: ${JSON.stringify(data)}\nid: 1:2\n\n\n`);
  }
});

Deno.test("figures and changes are written once, for any number of updates and frames with them", () => {
  const { stringify } = JSON;
  const written: unknown[] = [];
  const [currencies, changes] = [[{ currency: "SEK" }], [{ currency: "SEK" }]];
  JSON.stringify = ((value: unknown) => {
    written.push(value);
    return stringify(value);
  }) as typeof stringify;
  try {
    for (let number = 1; number < 4; number++) {
      const one = { ...snapshot, ageMs: number, currencies } as unknown as Snapshot;
      socketFrame(number, { eventId: "1:2", data: one });
      socketFrame(number, { eventId: "1:2", data: { kind: "full", number, snapshot: one } });
      const patch = { ageMs: number, currencies: changes };
      eventText({ eventId: "1:2", data: patchOf(patch) });
    }
  } finally {
    JSON.stringify = stringify;
  }
  for (const shared of [currencies, changes]) {
    assertEquals(written.filter((value) => value === shared).length, 1);
  }
});
