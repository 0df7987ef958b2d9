import { assert, assertEquals } from "@std/assert";
import { type Outgoing, Subscriber } from "../../../server/live/subscriber.ts";
import { figuresAt } from "../../support/recount/figures.ts";

const MINUTE_MS = 60_000;

function frame(epoch: number, version: number, minute = 0): Outgoing {
  const figures = figuresAt(minute * MINUTE_MS, version, { epoch });
  return { frame: { figures, askedAt: 0, writtenAt: null }, source: "live" };
}

/** A subscriber whose sent frames the test sees by their ids. */
function subscriber(
  floor: { epoch: number; version: number } | null = null,
  readyToSend?: () => Promise<void>,
) {
  let skipped = 0;
  const one = new Subscriber(floor, () => skipped++, readyToSend);
  const sentNow = async () => {
    const next = one.next();
    one.end();
    const outgoing = await next;
    return outgoing === null ? null : idOf(outgoing);
  };
  return { one, sentNow, skipped: () => skipped };
}

function idOf({ frame: { figures } }: Outgoing): string {
  return `${figures.epoch}:${figures.version}@${Date.parse(figures.minute) / MINUTE_MS}`;
}

async function next(one: Subscriber): Promise<string> {
  const outgoing = await one.next();
  assert(outgoing !== null);
  return idOf(outgoing);
}

Deno.test("a slow reader gets only the newest frame, and the frames that it skipped are counted", async () => {
  const { one, skipped } = subscriber();
  for (const version of [1, 2, 3, 4]) one.offer(frame(1, version));
  assertEquals([await next(one), skipped()], ["1:4@0", 3]);
  one.offer(frame(1, 5));
  assertEquals([await next(one), skipped()], ["1:5@0", 3]);
});

Deno.test("a reader that waits gets a frame as soon as it is offered", async () => {
  const { one } = subscriber();
  const waiting = next(one);
  one.offer(frame(1, 1));
  assertEquals(await waiting, "1:1@0");
});

Deno.test("a newer frame replaces the one that waits for the connection", async () => {
  const ready = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const { one, skipped } = subscriber(null, () => {
    asked.resolve();
    return ready.promise;
  });
  const sent = next(one);
  one.offer(frame(1, 1));
  await asked.promise;
  one.offer(frame(1, 2));
  one.offer(frame(1, 3));
  ready.resolve();
  assertEquals([await sent, skipped()], ["1:3@0", 2]);
});

Deno.test("a subscriber does not ask to send before it has a frame", async () => {
  let asked = 0;
  const { one, sentNow } = subscriber(null, () => {
    asked++;
    return Promise.resolve();
  });
  assertEquals([await sentNow(), asked], [null, 0]);
  one.end();
});

Deno.test("a subscription that ends stops waiting for the connection", async () => {
  const { one } = subscriber(null, () => new Promise(() => undefined));
  one.offer(frame(1, 1));
  const waiting = one.next();
  one.end();
  assertEquals(await waiting, null);
});

Deno.test("a frame older than the one sent, or than the one that waits, is never sent", async () => {
  for (const older of [frame(1, 6, 9), frame(1, 7, 2), frame(0, 9, 9)]) {
    const { one } = subscriber();
    one.offer(frame(1, 7, 3));
    one.offer(older);
    assertEquals(await next(one), "1:7@3");
    one.offer(older);
    one.offer(frame(1, 7, 3));
    one.offer(frame(1, 8, 3));
    assertEquals(await next(one), "1:8@3");
  }
});

Deno.test("a new epoch, a new version and a new minute are newer, in this order", async () => {
  const { one } = subscriber();
  const inOrder = [frame(1, 7, 3), frame(1, 7, 4), frame(1, 8, 3), frame(2, 1, 0), frame(2, 1, 1)];
  for (const newer of inOrder) {
    one.offer(newer);
    assertEquals(await next(one), idOf(newer));
  }
});

Deno.test("a frame below the floor is not sent, and the frame of the floor is a first frame", async () => {
  const below = subscriber({ epoch: 2, version: 5 });
  for (const old of [frame(2, 4), frame(1, 99)]) below.one.offer(old);
  assertEquals(await below.sentNow(), null);
  for (const enough of [frame(2, 5), frame(2, 6), frame(3, 0)]) {
    const { one } = subscriber({ epoch: 2, version: 5 });
    one.offer(enough);
    assertEquals(await next(one), idOf(enough));
  }
});

Deno.test("an equal frame is sent only when something beside the figures has changed", async () => {
  const { one, sentNow } = subscriber();
  one.offer(frame(1, 1));
  assertEquals(await next(one), "1:1@0");
  one.offer(frame(1, 1), true);
  assertEquals(await next(one), "1:1@0");
  one.offer(frame(1, 0), true);
  one.offer(frame(1, 1));
  assertEquals(await sentNow(), null);
});

Deno.test("an ended subscription gives no frame, not even one that waited", async () => {
  const { one } = subscriber();
  const waiting = one.next();
  one.end();
  assertEquals(await waiting, null);
  one.offer(frame(1, 1));
  assertEquals([await one.next(), await one.next()], [null, null]);
});
