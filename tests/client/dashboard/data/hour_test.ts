import { assertEquals } from "@std/assert";
import { hourOf } from "../../../../client/dashboard/data/hour.ts";

const NONE = {
  orders: 0,
  units: "0",
  revenueMinor: "0",
  cancelledOrders: 0,
  cancelledRevenueMinor: "0",
};
const FIGURES = {
  currency: "EUR",
  today: NONE,
  last60m: NONE,
  hasDetail: true,
  minutes: [],
  topProducts: [],
};

Deno.test("hourOf() of a currency without an order in the hour has sixty minutes of zero", () => {
  const hour = hourOf(FIGURES, "2026-11-22T10:03:00.000Z");
  assertEquals(hour.length, 60);
  assertEquals(hour[0]?.minute, "2026-11-22T09:04:00.000Z");
  assertEquals(hour.at(-1), {
    minute: "2026-11-22T10:03:00.000Z",
    orders: 0,
    units: "0",
    revenueMinor: "0",
  });
});

Deno.test("hourOf() leaves minutes as they were sent", () => {
  const minutes = [{ minute: "x", orders: 1, units: "2", revenueMinor: "3" }];
  assertEquals(hourOf({ ...FIGURES, minutes }, "2026-11-22T10:03:00.000Z"), minutes);
});
