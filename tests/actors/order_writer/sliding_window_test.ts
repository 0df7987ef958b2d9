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
  for (let call = 0; call < 3; call++) window.record(0, 1, true);
  assertEquals(window.isBad(0), false);
  window.record(0, 1, true);
  assertEquals(window.isBad(0), true);
});

Deno.test("the window is bad from the failure rate on, and not below it", () => {
  const window = aWindow();
  for (let call = 0; call < 6; call++) window.record(0, 1, false);
  for (let call = 0; call < 4; call++) window.record(0, 1, true);
  assertEquals(window.isBad(0), false);
  window.record(0, 1, true); // pushes a good one out
  assertEquals(window.isBad(0), true);
});

Deno.test("the window counts slow calls like failures, at a rate of their own", () => {
  const window = aWindow();
  for (const ms of [100, 100, 99, 150]) window.record(0, ms, false);
  assertEquals(window.isBad(0), true);
  window.record(0, 1, false);
  assertEquals(window.isBad(0), false);
});

Deno.test("the window loses calls with age, and all of them when it is cleared", () => {
  const window = aWindow();
  for (let call = 0; call < 5; call++) window.record(0, 1, true);
  assertEquals(window.isBad(1_000), true);
  assertEquals(window.isBad(1_001), false);
  window.clear();
  assertEquals(window.isBad(0), false);
});

Deno.test("the window is bad after two unanswered calls in a row, however good those before were", () => {
  const window = aWindow();
  for (let call = 0; call < 10; call++) window.record(0, 1, false);
  window.record(0, 1_500, true, true);
  assertEquals(window.isBad(0), false, "one unanswered call may be a lost connection");
  window.record(0, 1_500, true, true);
  assertEquals(window.isBad(0), true);
  window.record(0, 1, false);
  assertEquals(window.isBad(0), false);
  assertEquals(window.isBad(1_001), false);
});
