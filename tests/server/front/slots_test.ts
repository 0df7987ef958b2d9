import { assertEquals } from "@std/assert";
import { Slots } from "../../../server/front/slots.ts";

/** A connection whose client reads when the test says so, and the streams that had a slot on it. */
function connection() {
  const drains: (() => void)[] = [];
  const slots = new Slots(() => new Promise((resolve) => void drains.push(resolve)));
  const given: string[] = [];
  const stream = (name: string) => {
    const lane = slots.open();
    return { ...lane, ask: () => void lane.turn().then(() => given.push(name)) };
  };
  /** The client reads everything. @returns the streams that had a slot; null: nothing waited */
  const drain = async (): Promise<string[] | null> => {
    await settled();
    const resolve = drains.shift();
    if (resolve === undefined) return null;
    resolve();
    await settled();
    return given;
  };
  return { stream, drain, given };
}

/** Resolves when every promise that can go on has gone on. */
async function settled(): Promise<void> {
  for (let round = 0; round < 50; round++) await Promise.resolve();
}

Deno.test("a turn is given when everything sent before was taken", async () => {
  const { stream, drain, given } = connection();
  stream("a").ask();
  await settled();
  assertEquals(given, []);
  assertEquals(await drain(), ["a"]);
});

Deno.test("one stream at a time has a turn, in the order of asking", async () => {
  const { stream, drain } = connection();
  const [a, b, c] = [stream("a"), stream("b"), stream("c")];
  for (const one of [b, a, c]) one.ask();
  assertEquals(await drain(), ["b"]);
  assertEquals(await drain(), null);
  b.sent();
  assertEquals(await drain(), ["b", "a"]);
  b.ask();
  a.sent();
  assertEquals(await drain(), ["b", "a", "c"]);
  c.sent();
  assertEquals(await drain(), ["b", "a", "c", "b"]);
});

Deno.test("a stream that is gone holds nobody up, and lets nobody overtake", async () => {
  const { stream, drain } = connection();
  const [a, b, c] = [stream("a"), stream("b"), stream("c")];
  for (const one of [a, b, c]) one.ask();
  assertEquals(await drain(), ["a"]);
  b[Symbol.dispose]();
  assertEquals(await drain(), null);
  a[Symbol.dispose]();
  assertEquals(await drain(), ["a", "b"]); // the stream is gone, so nothing listens
  assertEquals(await drain(), ["a", "b", "c"]);
});

Deno.test("a stream that asks again has sent its frame", async () => {
  const { stream, drain } = connection();
  const [a, b] = [stream("a"), stream("b")];
  a.ask();
  assertEquals(await drain(), ["a"]);
  b.ask();
  a.ask();
  assertEquals(await drain(), ["a", "b"]);
});
