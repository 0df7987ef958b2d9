import { TRPCClientError } from "@trpc/client";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { sampleOrders, seededRandom } from "../../../../server/cli/demo/sample_orders.ts";
import { type OrderCalls, SampleTraffic } from "../../../../server/cli/demo/sample_traffic.ts";
import type { PlaceInput, PlaceResult } from "../../../../client/contract/order.ts";

type Refuse = (order: PlaceInput, attempt: number) => Refusal | "nobody" | null;

interface Refusal {
  readonly reason: "circuit_open" | "outcome_unknown" | "invalid_input";
  readonly retryAfterMs?: number;
}

/** A service that takes every order, but for the refusals that `refuse` returns. */
class FakeService implements OrderCalls {
  readonly attempts = new Map<string, number>();
  largestCall = 0;

  constructor(readonly refuse: Refuse = () => null) {}

  place(order: PlaceInput) {
    const refusal = this.#attempt(order);
    if (refusal === null) return Promise.resolve({ orderId: keyOf(order) });
    const error = refusal === "nobody"
      ? new Error("the connection was refused")
      : { error: { message: "not now", code: -32_000, data: { code: "X", ...refusal } } };
    return Promise.reject(TRPCClientError.from(error));
  }

  placeMany(orders: readonly PlaceInput[]) {
    this.largestCall = Math.max(this.largestCall, orders.length);
    return Promise.resolve(orders.map((order): PlaceResult => {
      const refusal = this.#attempt(order);
      if (refusal !== null && refusal !== "nobody") {
        return { ok: false, error: { code: "X", message: "not now", ...refusal } };
      }
      const { currency } = order;
      const placedAt = "2026-03-07T21:30:00.000Z";
      const status = "committed" as const;
      return {
        ok: true,
        orderId: keyOf(order),
        status,
        replayed: false,
        totalMinor: 1,
        currency,
        placedAt,
      };
    }));
  }

  #attempt(order: PlaceInput) {
    const attempt = (this.attempts.get(keyOf(order)) ?? 0) + 1;
    this.attempts.set(keyOf(order), attempt);
    return this.refuse(order, attempt);
  }
}

function keyOf({ storeId, idempotencyKey }: PlaceInput): string {
  return `${storeId}/${idempotencyKey}`;
}

/** Sends about `count` orders, and waits for their answers. */
async function send(calls: OrderCalls, count: number) {
  const problems: string[] = [];
  const enough = new AbortController();
  const next = sampleOrders({ suffix: "test", seed: 3 });
  let made = 0;
  const traffic = new SampleTraffic({
    calls,
    nextOrder: () => {
      if (++made >= count) enough.abort();
      return next();
    },
    ordersPerSecond: 5_000,
    random: seededRandom(3),
    onProblem: (line) => problems.push(line),
  });
  await traffic.send(enough.signal);
  return { traffic, problems };
}

const NEVER = new AbortController().signal;

Deno.test("an order that is sent twice counts once", async () => {
  const service = new FakeService();
  const { traffic, problems } = await send(service, 500);
  await traffic.settled(NEVER);
  const sent = [...service.attempts.values()];
  const repeated = sent.filter((attempts) => attempts === 2).length;
  assert(repeated > 25 && repeated < 100, `${repeated} of ${sent.length} were repeated`);
  assert(service.largestCall > 1, "some go together");
  assertEquals(traffic.acknowledged, sent.length);
  assertEquals(traffic.placed, sent.length);
  assertEquals(problems, []);
});

Deno.test("an order that is refused for now, or gets no answer, is sent again until it is taken", async () => {
  const service = new FakeService((order, attempt) => {
    if (attempt > 2) return null;
    const kind = Number(order.idempotencyKey.split("-").at(-1)) % 3;
    if (kind === 0) return "nobody";
    return kind === 1 ? { reason: "circuit_open", retryAfterMs: 1 } : { reason: "outcome_unknown" };
  });
  const { traffic, problems } = await send(service, 60);
  await traffic.settled(NEVER);
  assertEquals(traffic.acknowledged, service.attempts.size);
  assertEquals(problems, []);
});

Deno.test("an order that is refused for good is reported and not counted", async () => {
  const service = new FakeService((order) =>
    order.idempotencyKey === "sample-5" ? { reason: "invalid_input" } : null
  );
  const { traffic, problems } = await send(service, 40);
  await traffic.settled(NEVER);
  assertEquals(traffic.acknowledged, traffic.placed - 1);
  assertMatch(problems[0] ?? "", /sample-5 was refused \(invalid_input\): not now/);
});

Deno.test("settled() gives up the orders without an answer when its signal aborts", async () => {
  const { traffic } = await send(new FakeService(() => ({ reason: "circuit_open" })), 20);
  const giveUp = new AbortController();
  const settled = traffic.settled(giveUp.signal);
  giveUp.abort();
  await settled;
  assertEquals(traffic.acknowledged, 0);
  assert(traffic.placed >= 20);
});
