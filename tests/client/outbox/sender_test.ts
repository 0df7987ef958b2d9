/** The times of the outbox's sender, in simulated time. */
import { assertEquals } from "@std/assert";
import { type OutboxEntry, prepareOrder, WeirError } from "../../../client/mod.ts";
import type { Attempt } from "../../../client/orders/attempt.ts";
import type { Acknowledgement } from "../../../client/mod.ts";
import { newEntry } from "../../../client/outbox/entry.ts";
import { Sender } from "../../../client/outbox/sender.ts";
import { ManualClock } from "../../support/doubles/client_clock.ts";
import { anInput } from "../../support/load/orders.ts";

/** A sender with one entry, and the times of its tries. */
async function stage(answer: () => Attempt<Acknowledgement>) {
  const clock = new ManualClock();
  const online = new Set<() => void>();
  const triedAt: number[] = [];
  const sender = new Sender({
    clock,
    isOnce: true,
    tryOnce: async (_order, onTurn) => {
      await onTurn();
      triedAt.push(clock.now());
      return answer();
    },
    onOnline: (listener) => {
      online.add(listener);
      return () => online.delete(listener);
    },
  });
  let entry: OutboxEntry = newEntry(prepareOrder(anInput()), "2026-11-28T10:00:00.000Z");
  const closing = new AbortController();
  const running = sender.run({
    entries: () => [entry],
    reload: () => Promise.resolve(),
    keep: (next) => Promise.resolve(void (entry = next)),
    blocked: () => undefined,
  }, closing.signal);
  await clock.settle();
  return {
    clock,
    triedAt,
    entry: () => entry,
    goOnline: async () => {
      online.forEach((listener) => listener());
      await clock.settle();
    },
    close: async () => {
      closing.abort();
      sender.wake();
      await running;
      assertEquals([clock.timers, online.size], [0, 0]);
    },
  };
}

const failing = (reason: "no_answer" | "unauthenticated", retryAfterMs?: number) => () => ({
  ok: false as const,
  error: new WeirError(reason, reason, retryAfterMs === undefined ? {} : { retryAfterMs }),
});

function acknowledged(status: "spilled" | "committed"): Attempt<Acknowledgement> {
  const orderId = "an-id";
  const placedAt = "2026-11-28T10:00:00.000Z";
  return {
    ok: true,
    result: { orderId, status, replayed: false, totalMinor: 1, currency: "EUR", placedAt },
  };
}

Deno.test("a sender waits longer after each failure, and at once tries what waits when it is online", async () => {
  const { clock, triedAt, entry, goOnline, close } = await stage(failing("no_answer"));
  assertEquals([triedAt, entry().state], [[0], "unknown"]);
  await clock.advance(1_500);
  assertEquals(triedAt, [0, 100, 300, 700, 1_500]);
  await clock.advance(60_000);
  const waits = triedAt.slice(1).map((at, index) => at - triedAt[index]!);
  assertEquals(Math.max(...waits), 5_000);
  const before = triedAt.length;
  await clock.advance(100);
  await goOnline();
  assertEquals([triedAt.length, triedAt.at(-1)], [before + 1, 61_600]);
  await close();
});

Deno.test("a sender gives a refused key some seconds", async () => {
  const { clock, triedAt, entry, close } = await stage(failing("unauthenticated"));
  await clock.advance(5_000);
  assertEquals([triedAt, entry().state], [[0], "waiting"]);
  await clock.advance(100);
  assertEquals(triedAt, [0, 5_100]);
  await close();
});

Deno.test("a sender asks about a spilled order seldom, until it is committed", async () => {
  let status: "spilled" | "committed" = "spilled";
  const { clock, triedAt, entry, close } = await stage(() => acknowledged(status));
  await clock.advance(200_000);
  assertEquals(triedAt, [0, 2_000, 6_000, 14_000, 30_000, 62_000, 122_000, 182_000]);
  assertEquals([entry().state, entry().tries], ["spilled", 1]);
  status = "committed";
  await clock.advance(60_000);
  assertEquals(entry().state, "committed");
  const tries = triedAt.length;
  await clock.advance(600_000);
  assertEquals(triedAt.length, tries);
  await close();
});
