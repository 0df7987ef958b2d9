import { assertEquals } from "@std/assert";
import {
  forFold,
  forMinute,
  isAnsweredBy,
  join,
  lagsBehind,
  type ReadRequest,
  REREAD,
} from "../../../server/live/read_request.ts";
import { figuresAt } from "../../support/recount/figures.ts";

const MINUTE_MS = 60_000;
const EARLY = "2026-11-22T10:00:01.000Z";
const LATE = "2026-11-22T10:00:02.000Z";

function fold(version: number, writtenAt: string | null = null, epoch = 1): ReadRequest {
  return forFold({ epoch, version }, writtenAt);
}

function minute(number: number): ReadRequest {
  return forMinute(new Date(number * MINUTE_MS).toISOString());
}

/** Figures of fold 7 and minute 3. */
const FIGURES = figuresAt(3 * MINUTE_MS, 5, { fold: 7 });

Deno.test("isAnsweredBy() holds for figures of the fold and the minute asked for, or later ones", () => {
  const folds = [fold(6), fold(7), fold(8), fold(1, null, 2)];
  assertEquals(folds.map((request) => isAnsweredBy(request, FIGURES)), [true, true, false, false]);
  const minutes = [minute(2), minute(3), minute(4)];
  assertEquals(minutes.map((request) => isAnsweredBy(request, FIGURES)), [true, true, false]);
  assertEquals(isAnsweredBy(join(fold(7), minute(4)), FIGURES), false);
});

Deno.test("isAnsweredBy() never holds for a request to read again", () => {
  assertEquals([REREAD, join(fold(7), REREAD)].map((one) => isAnsweredBy(one, FIGURES)), [
    false,
    false,
  ]);
});

Deno.test("lagsBehind() holds only for figures of an older fold than the one asked for", () => {
  const requests = [fold(7), fold(8), minute(4), REREAD];
  assertEquals(requests.map((one) => lagsBehind(FIGURES, one)), [false, true, false, false]);
});

Deno.test("join() asks for the later fold and minute, and counts from the earlier change", () => {
  assertEquals(join(null, fold(2)), fold(2));
  assertEquals(join(fold(2, LATE), fold(3, EARLY)), fold(3, EARLY));
  assertEquals(join(fold(3, LATE), fold(2, null)), fold(3, LATE));
  assertEquals(join(fold(9), fold(1, null, 2)), fold(1, null, 2));
  for (const [one, other] of [[minute(2), minute(3)], [minute(3), minute(2)]] as const) {
    assertEquals(join(one, other), minute(3));
  }
  assertEquals(join(minute(3), fold(2, EARLY)), { ...fold(2, EARLY), minute: minute(3).minute });
  assertEquals(join(REREAD, fold(2)), { ...fold(2), reread: true });
});
