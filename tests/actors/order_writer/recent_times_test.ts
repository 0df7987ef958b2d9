import { assertEquals } from "@std/assert";
import { RecentTimes } from "../../../actors/order_writer/recent_times.ts";

Deno.test("quantile() is null before the first time", () => {
  assertEquals(new RecentTimes().quantile(0.5), null);
});

Deno.test("quantile() looks only at the latest times", () => {
  const times = new RecentTimes(4);
  for (const ms of [900, 900, 40, 10, 30, 20]) times.record(ms);
  assertEquals([0, 0.5, 0.99].map((share) => times.quantile(share)), [10, 30, 40]);
});
