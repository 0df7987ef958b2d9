import { assertEquals } from "@std/assert";
import { ageOf, follow, type Shown } from "../../../../client/dashboard/data/dashboard.ts";
import { readFragment } from "../../../../client/dashboard/data/session.ts";
import { type SituationInput, situationOf } from "../../../../client/dashboard/data/situation.ts";
import type { Snapshot } from "../../../../client/mod.ts";

const NOW = Date.parse("2026-03-01T12:00:30Z");

const FRESH: Snapshot = {
  scope: "*",
  epoch: 1,
  version: 7,
  asOf: "2026-03-01T12:00:00.000Z",
  ageMs: 1_000,
  stale: false,
  source: "live",
  minute: "2026-03-01T12:00:00.000Z",
  currencies: [],
};
const STALE: Snapshot = { ...FRESH, stale: true };
const PROBLEM = { reason: "unavailable", sentence: "It is away.", retryAfterMs: 1_000 } as const;

function situation(input: Partial<SituationInput>) {
  const shown = follow(null, FRESH, NOW);
  const given = { connection: "connected", shown, isCurrent: true, problem: null, now: NOW };
  return situationOf({ ...given, ...input } as SituationInput);
}

Deno.test("the gravest situation is the one that is shown", () => {
  const stale = follow(null, STALE, NOW);
  const kinds = [
    situation({ connection: "reconnecting", problem: PROBLEM, shown: stale, isCurrent: false }),
    situation({ problem: PROBLEM, shown: stale }),
    situation({ connection: "connecting", shown: null, isCurrent: false }),
    situation({ shown: null, isCurrent: false }),
    situation({ shown: stale, isCurrent: false }),
    situation({ shown: stale }),
    situation({}),
  ].map(({ kind }) => kind);
  assertEquals(kinds, [
    "reconnecting",
    "problem",
    "connecting",
    "waiting",
    "waiting",
    "stale",
    "live",
  ]);
});

Deno.test("a problem that waiting does not cure is not called passing", () => {
  assertEquals(situation({ problem: PROBLEM }).sentence, "It is away. Trying again…");
  const final = {
    reason: "forbidden",
    sentence: "This is not yours.",
    retryAfterMs: null,
  } as const;
  assertEquals(situation({ problem: final }).sentence, "This is not yours.");
});

Deno.test("a silence that began on this page is shown exactly, and counts on", () => {
  const shown = follow(follow(null, FRESH, NOW - 10_000), STALE, NOW);
  assertEquals(
    situation({ shown, now: NOW + 2_000 }).sentence,
    "The database has not answered for 7 s – figures as of 12:00:00 UTC.",
  );
  const again = follow(shown, STALE, NOW + 30_000);
  assertEquals(
    situation({ shown: again, now: NOW + 60_000 }).sentence,
    "The database has not answered for 1 min 05 s – figures as of 12:00:00 UTC.",
  );
  assertEquals(follow(again, FRESH, NOW + 61_000).silence, null);
});

Deno.test("a silence that began earlier is shown as longer than the known time", () => {
  const { sentence, announcement } = situation({ shown: follow(null, STALE, NOW) });
  assertEquals(
    sentence,
    "The database has not answered for more than 5 s – figures as of 12:00:00 UTC.",
  );
  assertEquals(announcement, "The database does not answer; figures as of 12:00:00 UTC.");
});

Deno.test("the age counts on from the age that the server said", () => {
  const shown: Shown = follow(null, FRESH, NOW);
  assertEquals([NOW, NOW + 2_500, NOW - 60_000].map((now) => ageOf(shown, now)), [
    1_000,
    3_500,
    1_000,
  ]);
});

Deno.test("readFragment() takes key and store out of a link", () => {
  assertEquals(readFragment("#token=weir_a_b-c&store=shop-1"), {
    token: "weir_a_b-c",
    storeId: "shop-1",
  });
  assertEquals(readFragment("#token=a+b%2Fc"), { token: "a+b/c", storeId: null });
  assertEquals(readFragment("#store=shop"), { token: null, storeId: "shop" });
  assertEquals(readFragment("#token=&store="), { token: null, storeId: null });
  assertEquals(readFragment(""), { token: null, storeId: null });
});
