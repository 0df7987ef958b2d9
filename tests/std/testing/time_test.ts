/**
 * The adapter behind `@std/testing/time`: time moves when told to, and the real time comes back.
 */

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";

Deno.test("tick() runs the timers that fall due, in order, and shows each one its own time", () => {
  using time = new FakeTime(1_000);
  const seen: string[] = [];
  setTimeout(() => seen.push(`late ${Date.now()}`), 30);
  setTimeout(() => seen.push(`early ${Date.now()}`), 10);
  const interval = setInterval(() => seen.push(`each ${Date.now()}`), 20);
  time.tick(9);
  assertEquals(seen, []);
  time.tick(31);
  assertEquals(seen, ["early 1010", "each 1020", "late 1030", "each 1040"]);
  clearInterval(interval);
  time.tick(100);
  assertEquals(seen.length, 4);
  assertEquals([time.now, time.start], [1_140, 1_000]);
});

Deno.test("tickAsync() lets pending promises run before the time moves", async () => {
  using time = new FakeTime("2024-05-01T00:00:00.000Z");
  let done = "";
  const work = Promise.resolve().then(() => new Promise((resolve) => setTimeout(resolve, 50)))
    .then(() => done = new Date().toISOString());
  await time.tickAsync(50);
  await work;
  assertEquals(done, "2024-05-01T00:00:00.050Z");
});

Deno.test("nextAsync() goes to the next timer, and says when there is none", async () => {
  using time = new FakeTime(0);
  setTimeout(() => {}, 700);
  assertEquals([await time.nextAsync(), time.now], [true, 700]);
  assertEquals([await time.nextAsync(), time.now], [false, 700]);
});

Deno.test("restore() brings back the real time, and only one FakeTime lives at a time", () => {
  const real = [Date, setTimeout, setInterval, clearTimeout, clearInterval];
  const time = new FakeTime();
  assertThrows(() => new FakeTime(), Error, "already faked");
  assertThrows(() => time.now = time.now - 1, RangeError, "cannot go back");
  time.restore();
  assertThrows(() => time.restore(), Error, "already restored");
  const now = [Date, setTimeout, setInterval, clearTimeout, clearInterval];
  now.forEach((value, index) => assertStrictEquals(value, real[index]));
});
