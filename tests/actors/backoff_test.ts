import { assertEquals } from "@std/assert";
import { backoffMs } from "../../actors/backoff.ts";

const OPTIONS = { firstMs: 100, maxMs: 5_000 };

Deno.test("backoffMs() doubles its ceiling with each try up to the cap, however many tries there were", () => {
  const ceilings = [1, 2, 3, 6, 7, 50, 5_000].map((attempt) => backoffMs(OPTIONS, attempt, 0.9999));
  assertEquals(
    ceilings,
    [100, 200, 400, 3_200, 5_000, 5_000, 5_000].map((ms) => Math.round(ms * 0.9999)),
  );
});

Deno.test("backoffMs() takes any share of its ceiling, and at least 1 ms", () => {
  assertEquals(backoffMs(OPTIONS, 3, 0.25), 100);
  assertEquals(backoffMs(OPTIONS, 3, 0), 1);
});
