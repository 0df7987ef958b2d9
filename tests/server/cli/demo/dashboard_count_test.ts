import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { DashboardCount } from "../../../../server/cli/demo/dashboard_count.ts";
import { iso, MINUTE_MS } from "../../../../sql/time.ts";

type Frame = Parameters<DashboardCount["take"]>[0];

interface Arrival {
  /** Minutes after the beginning. */
  readonly minute: number;
  readonly currency: string;
}

const BEGIN = Date.parse("2026-03-07T21:30:00Z");

/** The frame of a dashboard `minute` minutes after the beginning, with these orders folded. */
function frameOf(arrivals: readonly Arrival[], minute: number, version = minute): Frame {
  const sums = { units: "0", revenueMinor: "0" };
  const window = { orders: 0, ...sums, cancelledOrders: 0, cancelledRevenueMinor: "0" };
  const inWindow = arrivals.filter((arrival) => arrival.minute > minute - 60);
  const currencies = [...new Set(inWindow.map(({ currency }) => currency))].map((currency) => ({
    currency,
    today: window,
    last60m: window,
    minutes: Array.from({ length: 60 }, (_, index) => {
      const at = minute - 59 + index;
      const orders = inWindow.filter((each) => each.currency === currency && each.minute === at);
      return { minute: iso(BEGIN + at * MINUTE_MS), orders: orders.length, ...sums };
    }),
    hasDetail: true,
    topProducts: [],
  }));
  return {
    scope: "berlin",
    epoch: 1,
    version,
    minute: iso(BEGIN + minute * MINUTE_MS),
    currencies,
  };
}

Deno.test("the count is exact over hours and over midnight, whenever frames come", () => {
  const arrival = fc.record({
    minute: fc.nat({ max: 300 }), // from 21:30 to 02:30
    currency: fc.constantFrom("EUR", "JPY"),
  });
  const gaps = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 40 });
  fc.assert(fc.property(fc.array(arrival), gaps, (arrivals, gaps) => {
    const count = new DashboardCount();
    let minute = 0;
    for (const [version, gap] of gaps.entries()) {
      minute += gap;
      const folded = arrivals.filter((each) => each.minute <= minute);
      count.take(frameOf(folded, minute, version));
      assertEquals(count.orders, folded.length);
    }
  }));
});

Deno.test("a frame replaces the counts of the frame before, for the same minutes", () => {
  const count = new DashboardCount();
  const order = { minute: 0, currency: "EUR" };
  count.take(frameOf([order, order, order], 0, 1));
  count.take({ ...frameOf([order], 1, 1), epoch: 2 }); // rebuilt: two were lost
  assertEquals(count.orders, 1);
});

Deno.test("a frame older than the last one is not counted", () => {
  const count = new DashboardCount();
  const order = { minute: 0, currency: "EUR" };
  count.take(frameOf([order, order], 70, 2));
  count.take(frameOf([order], 0, 1));
  count.take(frameOf([order], 69, 2));
  assertEquals(count.orders, 0);
});

Deno.test("a store is counted apart from the others", () => {
  const count = new DashboardCount();
  const order = { minute: 0, currency: "EUR" };
  count.take(frameOf([order], 0));
  count.take({ ...frameOf([order, order], 0), scope: "lyon" });
  assertEquals(count.orders, 3);
});

Deno.test("reached() resolves with the frame that brings the last order", async () => {
  const count = new DashboardCount();
  const order = { minute: 0, currency: "EUR" };
  let isReached = false;
  const reached = count.reached(2, new AbortController().signal).then(() => isReached = true);
  count.take(frameOf([order], 0, 1));
  await Promise.resolve();
  assertEquals(isReached, false);
  count.take(frameOf([order, order], 0, 2));
  await reached;
  await count.reached(2, new AbortController().signal);
});

Deno.test("reached() resolves when its signal aborts", async () => {
  const giveUp = new AbortController();
  const reached = new DashboardCount().reached(1, giveUp.signal);
  giveUp.abort();
  await reached;
  await new DashboardCount().reached(1, giveUp.signal);
});
