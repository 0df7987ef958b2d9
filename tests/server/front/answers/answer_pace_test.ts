import { assertEquals } from "@std/assert";
import { AnswerPace } from "../../../../server/front/answers/answer_pace.ts";
import { until } from "../../../support/services/services.ts";

const BOUNDS = { underWayBytes: 100, bytesPerSecond: 1e9, burstMs: 20, waitTimeoutMs: 60_000 };

Deno.test("AnswerPace lets as many begin as their bytes allow, and keys take turns", async () => {
  const pace = new AnswerPace(BOUNDS, () => 0);
  const begun: string[] = [];
  const begin = async (key: string, name: string, bytes = 60) => {
    if (await pace.begin(key, bytes)) begun.push(name);
  };
  const all = [
    begin("greedy", "g1"),
    begin("greedy", "g2"),
    begin("greedy", "g3"),
    begin("modest", "m1"),
    begin("greedy", "g4", 30),
  ];
  await until("the first", () => begun.length === 1);
  for (let ended = 1; ended < all.length; ended++) {
    pace.end(60, 0);
    await until("the next", () => begun.length > ended);
  }
  await Promise.all(all);
  assertEquals(begun, ["g1", "g2", "m1", "g3", "g4"]);
});

Deno.test("AnswerPace lets an answer wait until the ones before are paid for", async () => {
  let now = 0;
  const pace = new AnswerPace({ ...BOUNDS, bytesPerSecond: 1_000 }, () => now);
  await pace.begin("a", 50);
  pace.end(50, 50); // its bytes cost 50 ms, of which 20 may be owed
  let isIn = false;
  const next = pace.begin("a", 50).then((entered) => isIn = entered);
  await Promise.resolve();
  assertEquals(isIn, false);
  now = 30;
  await next;
  assertEquals(isIn, true);
});

Deno.test("AnswerPace gives up after a time, and lets the next one in", async () => {
  const pace = new AnswerPace({ ...BOUNDS, waitTimeoutMs: 10 }, () => 0);
  await pace.begin("a", 100);
  assertEquals(await pace.begin("b", 100), false);
  pace.end(100, 0);
  assertEquals(await pace.begin("b", 100), true);
});
