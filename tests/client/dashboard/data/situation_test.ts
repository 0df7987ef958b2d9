import { assertEquals } from "@std/assert";
import { ageOf, follow, type Shown } from "../../../../client/dashboard/data/dashboard.ts";
import { readFragment, writeFragment } from "../../../../client/dashboard/data/session.ts";
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
  return situationOf({
    connection: "connected",
    awaySince: null,
    shown,
    isCurrent: true,
    problem: null,
    now: NOW,
    clockOffsetMs: 0,
    ...input,
  });
}

Deno.test("the gravest situation is the one that is shown", () => {
  const stale = follow(null, STALE, NOW);
  const kinds = [
    situation({ connection: "reconnecting", problem: PROBLEM, shown: stale, isCurrent: false }),
    situation({ problem: PROBLEM, shown: stale }),
    situation({ connection: "connecting", shown: null, isCurrent: false }),
    situation({ shown: null, isCurrent: false }),
    situation({ shown: stale, isCurrent: false }),
    situation({ shown: stale, now: NOW + 100_000 }),
    situation({ now: NOW + 100_000 }),
    situation({}),
  ].map(({ kind }) => kind);
  assertEquals(kinds, [
    "reconnecting",
    "problem",
    "connecting",
    "waiting",
    "waiting",
    "stale",
    "silent",
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
    "The database has given no new figures for 7 s – figures as of 12:00:00 UTC.",
  );
  const again = follow(shown, STALE, NOW + 30_000);
  assertEquals(
    situation({ shown: again, now: NOW + 60_000 }).sentence,
    "The database has given no new figures for 1 min 05 s – figures as of 12:00:00 UTC.",
  );
  assertEquals(follow(again, FRESH, NOW + 61_000).silence, null);
});

Deno.test("a silence that began earlier is shown as longer than the known time", () => {
  const { sentence, announcement } = situation({ shown: follow(null, STALE, NOW) });
  assertEquals(
    sentence,
    "The database has given no new figures for more than 5 s – figures as of 12:00:00 UTC.",
  );
  assertEquals(
    announcement,
    "The database gives no new figures; figures as of 12:00:00 UTC.",
  );
});

Deno.test("a lost connection says since when, and what the figures are of", () => {
  const lost = { connection: "reconnecting", isCurrent: false, awaySince: NOW - 65_000 } as const;
  assertEquals(situation(lost), {
    kind: "reconnecting",
    tone: "bad",
    sentence: "The connection to the server has been lost for 1 min 05 s, since 11:59:25 UTC; " +
      "reconnecting… Figures as of 12:00:00 UTC.",
    announcement: "The connection to the server is lost; reconnecting… Figures as of 12:00:00 UTC.",
  });
  assertEquals(
    situation({ ...lost, now: NOW + 86_400_000 }).sentence,
    "The connection to the server has been lost for 1 d 00 h, since 2026-03-01 11:59:25 UTC; " +
      "reconnecting… Figures as of 2026-03-01 12:00:00 UTC.",
    "times of another day have their date",
  );
});

Deno.test("a browser whose clock is wrong shows the server's times", () => {
  const behindMs = 3 * 86_400_000;
  const shown = follow(null, FRESH, NOW - behindMs);
  const { sentence } = situation({
    connection: "reconnecting",
    isCurrent: false,
    shown,
    awaySince: NOW - behindMs,
    now: NOW - behindMs + 1_000,
    clockOffsetMs: behindMs,
  });
  assertEquals(
    sentence,
    "The connection to the server has been lost for 1 s, since 12:00:30 UTC; reconnecting… " +
      "Figures as of 12:00:00 UTC.",
  );
});

Deno.test("a server that never answered is told from one that is slow", () => {
  const waiting = { connection: "connecting", shown: null, isCurrent: false } as const;
  assertEquals(
    [9_999, 10_000].map((ms) => situation({ ...waiting, awaySince: NOW - ms }).sentence),
    ["Connecting to the server…", "The server has not answered for 10 s; trying again…"],
  );
});

Deno.test("figures that no frame follows are called silent after a minute and a half", () => {
  const shown = follow(null, FRESH, NOW);
  assertEquals(
    [90_000, 90_001].map((ms) => situation({ shown, now: NOW + ms }).sentence),
    [
      "Live: orders show here as they are committed.",
      "Nothing has come from the server for 1 min 30 s – figures as of 12:00:00 UTC.",
    ],
  );
});

Deno.test("the age counts on from the age that the server said", () => {
  const shown: Shown = follow(null, FRESH, NOW);
  assertEquals([NOW, NOW + 2_500, NOW - 60_000].map((now) => ageOf(shown, now)), [
    1_000,
    3_500,
    1_000,
  ]);
});

Deno.test("readFragment() takes key, store and kind of screen out of a link", () => {
  const none = { token: null, storeId: null, isWall: false, isEmbedded: false };
  assertEquals(readFragment("#token=weir_a_b-c&store=shop-1"), {
    ...none,
    token: "weir_a_b-c",
    storeId: "shop-1",
  });
  assertEquals(readFragment("#token=a+b%2Fc"), { ...none, token: "a+b/c" });
  assertEquals(readFragment("#store=shop"), { ...none, storeId: "shop" });
  assertEquals(readFragment("#wall"), { ...none, isWall: true });
  assertEquals(readFragment("#wall&token=a"), { ...none, token: "a", isWall: true });
  assertEquals(readFragment("#token=a.b.c&embed"), { ...none, token: "a.b.c", isEmbedded: true });
  assertEquals(readFragment("#embed&wall"), { ...none, isEmbedded: true }, "a frame is no wall");
  assertEquals(readFragment("#token=&store="), none);
  assertEquals(readFragment(""), none);
});

Deno.test("writeFragment() writes what readFragment() reads, without the key", () => {
  const fragments = ["", "#wall", "#store=shop-1", "#store=shop-1&wall", "#store=a&embed"];
  assertEquals(fragments.map((text) => writeFragment(readFragment(text))), fragments);
  assertEquals(writeFragment(readFragment("#token=secret&wall")), "#wall");
});
