import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Gate, PoolBusy } from "../../../sql/connection/gate.ts";

function aGate() {
  const gate = new Gate({ places: 2, maxWaiting: 3, waitTimeoutMs: 1_000 });
  const entered: string[] = [];
  const come = (name: string) => gate.enter().then(() => void entered.push(name));
  return { gate, entered, come };
}

Deno.test("a gate lets a bounded number in at once, and the others in the order they came", async () => {
  const { gate, entered, come } = aGate();
  const all = ["a", "b", "c", "d", "e"].map(come);
  await Promise.all(all.slice(0, 2));
  assertEquals(entered, ["a", "b"]);
  gate.leave();
  await all[2];
  assertEquals(entered, ["a", "b", "c"]);
  gate.leave();
  gate.leave();
  await Promise.all(all);
  assertEquals(entered, ["a", "b", "c", "d", "e"]);
  gate.leave();
  gate.leave();
  await Promise.all([come("f"), come("g")]);
  assertEquals(entered.slice(5), ["f", "g"]);
});

Deno.test("a gate refuses a call behind too many others, or after too long a wait", async () => {
  using time = new FakeTime();
  const { gate, entered, come } = aGate();
  await Promise.all([come("a"), come("b")]);
  const waiting = ["c", "d", "e"].map((name) => assertRejects(() => come(name), PoolBusy));
  await assertRejects(() => come("f"), PoolBusy);
  await time.tickAsync(1_000);
  await Promise.all(waiting);
  gate.leave();
  await come("g");
  assertEquals(entered, ["a", "b", "g"]);
});

Deno.test("clear() refuses all calls that wait", async () => {
  const { gate, come } = aGate();
  await Promise.all([come("a"), come("b")]);
  const waiting = assertRejects(() => come("c"), Error, "it was ended");
  gate.clear(new Error("it was ended"));
  await waiting;
});
