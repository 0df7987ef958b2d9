import { assertEquals } from "@std/assert";
import { SlidingWindow } from "../../../actors/order_writer/sliding_window.ts";

function aWindow() {
  return new SlidingWindow({
    maxCalls: 10,
    maxAgeMs: 1_000,
    minCalls: 4,
    failureRate: 0.5,
    slowCallMs: 100,
    slowCallRate: 0.75,
  });
}

Deno.test("the window is not bad before it holds the least number of calls", () => {
  const window = aWindow();
  for (let call = 0; call < 3; call++) window.record(0, 1, "failed");
  assertEquals(window.isBad(0), false);
  window.record(0, 1, "failed");
  assertEquals(window.isBad(0), true);
});

Deno.test("the window is bad from the failure rate on, and not below it", () => {
  const window = aWindow();
  for (let call = 0; call < 6; call++) window.record(0, 1, "fine");
  for (let call = 0; call < 4; call++) window.record(0, 1, "failed");
  assertEquals(window.isBad(0), false);
  window.record(0, 1, "failed"); // pushes a good one out
  assertEquals(window.isBad(0), true);
});

Deno.test("the window counts slow calls like failures, at a rate of their own", () => {
  const window = aWindow();
  for (const ms of [100, 100, 99, 150]) window.record(0, ms, "fine");
  assertEquals(window.isBad(0), true);
  window.record(0, 1, "fine");
  assertEquals(window.isBad(0), false);
});

Deno.test("the window loses calls with age, and all of them when it is cleared", () => {
  const window = aWindow();
  for (let call = 0; call < 5; call++) window.record(0, 1, "failed");
  assertEquals(window.isBad(1_000), true);
  assertEquals(window.isBad(1_001), false);
  window.clear();
  assertEquals(window.isBad(0), false);
});

Deno.test("the window is bad after two unanswered calls in a row, however good those before were", () => {
  const window = aWindow();
  for (let call = 0; call < 10; call++) window.record(0, 1, "fine");
  window.record(0, 1_500, "silent");
  assertEquals(window.isBad(0), false, "one unanswered call may be a lost connection");
  window.record(0, 1_500, "silent");
  assertEquals(window.isBad(0), true);
  window.record(0, 1, "fine");
  assertEquals(window.isBad(0), false);
  assertEquals(window.isBad(1_001), false);
});

Deno.test("there is no primary since the first call that was not fine, if a standby has answered", () => {
  const window = aWindow();
  const at = (now: number) => window.withoutPrimaryMs(now);
  assertEquals(at(0), 0);
  window.record(10, 1, "fine");
  window.record(100, 1, "failed");
  assertEquals(at(500), 0, "the database is away, which the rates tell");
  window.record(300, 1, "standby");
  assertEquals(at(500), 400);
  window.record(510, 1, "standby");
  assertEquals(at(520), 420);
  assertEquals(window.isBad(520), false);
  window.record(530, 1, "fine");
  assertEquals(at(540), 0);
  for (let now = 1_000; now <= 6_000; now += 100) window.record(now, 1, "standby");
  assertEquals(at(6_000), 5_000, "also past the calls and the time that the window holds");
  window.record(8_000, 1, "standby");
  assertEquals(at(8_100), 100, "a call of long ago is no part of it");
  window.clear();
  assertEquals(at(8_200), 0);
});
