import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { startStatusBoard, type StatusBoard } from "../../../server/ops/status_board.ts";
import type { OpsStatus } from "../../../client/contract/ops_status.ts";
import { quietSigns } from "../../support/doubles/quiet_signs.ts";

const VIEWERS = 200;

/** A board. The test changes its state and its figure, and counts the reads of both. */
function aBoard() {
  const listeners = new Set<() => void>();
  const cost = { reads: 0, listeners };
  const now = { bus: "down" as OpsStatus["bus"]["state"], letters: 0 };
  const quiet = quietSigns();
  const board = startStatusBoard({
    instanceId: "i",
    version: "0",
    ...quiet,
    writer: () => {
      cost.reads++;
      return quiet.writer();
    },
    problems: () => [],
    bus: () => now.bus,
    deadLetters: () => now.letters,
    latestRule: () => null,
    subscribers: () => 0,
    states: () => now.bus,
  }, [{
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  }]);
  const change = (bus: OpsStatus["bus"]["state"]) => {
    now.bus = bus;
    for (const listener of listeners) listener();
  };
  return { board, cost, now, change };
}

/** The statuses that `viewers` viewers of a board have seen, and the function that ends them. */
function watching(board: StatusBoard, viewers: number) {
  const gone = new AbortController();
  const seen = Array.from({ length: viewers }, () => [] as OpsStatus[]);
  const ended = Promise.all(seen.map(async (statuses) => {
    for await (const newest of board.watch(gone.signal)) statuses.push(newest());
  }));
  return { seen, end: () => gone.abort(), ended };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

Deno.test("a change is read once for all viewers, and each sees it at once", async () => {
  using time = new FakeTime();
  const { board, cost, change } = aBoard();
  const { seen, end, ended } = watching(board, VIEWERS);
  await settle();
  assertEquals([cost.reads, cost.listeners.size], [1, 1]);
  time.tick(200);
  await settle();
  change("redis");
  for (let same = 0; same < 1_000; same++) change("redis");
  await settle();
  assertEquals(cost.reads, 2);
  for (const statuses of seen) {
    assertEquals(statuses.map(({ bus }) => bus.state), ["down", "redis"]);
  }
  end();
  await ended;
});

Deno.test("changes that follow each other fast are shown together, always with the newest", async () => {
  using time = new FakeTime();
  const { board, cost, change } = aBoard();
  const { seen, end, ended } = watching(board, VIEWERS);
  await settle();
  for (const state of ["redis", "down", "postgres"] as const) {
    time.tick(50);
    change(state);
    await settle();
  }
  assertEquals(cost.reads, 1);
  time.tick(50);
  await settle();
  assertEquals(cost.reads, 2);
  for (const statuses of seen) assertEquals(statuses.at(-1)?.bus.state, "postgres");
  end();
  await ended;
});

Deno.test("a changed figure is shown within 1.2 seconds, an unchanged one is not shown again", async () => {
  using time = new FakeTime();
  const { board, cost, now } = aBoard();
  const { seen, end, ended } = watching(board, VIEWERS);
  await settle();
  now.letters = 7;
  const reach = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      time.tick(100);
      await settle();
    }
  };
  await reach(1_200);
  for (const statuses of seen) {
    assertEquals(statuses.map(({ deadLetters }) => deadLetters.open), [0, 7]);
  }
  await reach(12_000);
  assertEquals([cost.reads, seen[0]?.length], [12, 2]);
  end();
  await ended;
});

Deno.test("a later viewer sees the status of now, and nothing runs on when all have left", async () => {
  using time = new FakeTime();
  const { board, cost, now } = aBoard();
  const first = watching(board, 1);
  await settle();
  time.tick(500);
  now.letters = 3;
  const second = watching(board, VIEWERS);
  await settle();
  for (const [status] of second.seen) assertEquals(status?.deadLetters.open, 3);
  assertEquals(cost.reads, 2);
  first.end();
  board.stop();
  await Promise.all([first.ended, second.ended]);
  assertEquals(cost.listeners.size, 0);
  time.tick(60_000);
  assertEquals(cost.reads, 2);
  const third = watching(board, 1);
  await third.ended;
  assertEquals(third.seen, [[]]);
});

Deno.test("a slow viewer gets the newest status, and none between", async () => {
  using time = new FakeTime();
  const { board, change } = aBoard();
  const gone = new AbortController();
  const slow = board.watch(gone.signal);
  const first = await slow.next();
  for (const state of ["redis", "postgres"] as const) {
    time.tick(200);
    change(state);
  }
  assert(first.done === false);
  assertEquals(first.value().bus.state, "postgres");
  const next = slow.next();
  gone.abort();
  assertEquals((await next).done, true);
});
