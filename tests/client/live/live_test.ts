/** Live figures in simulated time: what a page is told while connections come and go. */
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { deferred } from "../../../client/deferred.ts";
import { Live, type LiveHandlers } from "../../../client/live/live.ts";
import { pageOf, PageVisibility } from "../../../client/live/page_visibility.ts";
import { type LiveState, type Snapshot, WeirError } from "../../../client/mod.ts";
import { ManualClock } from "../../support/doubles/client_clock.ts";

/** A page that a test hides and shows. */
class Page extends EventTarget {
  visibilityState = "visible";

  turn(state: "visible" | "hidden"): void {
    this.visibilityState = state;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

function aSnapshot(version: number, stale = false): Snapshot {
  return {
    scope: "*",
    epoch: 1,
    version,
    asOf: "2026-11-28T10:00:00.000Z",
    ageMs: 10,
    stale,
    source: "live",
    minute: "2026-11-28T10:00:00.000Z",
    currencies: [],
  };
}

function stage({ renewable = false } = {}) {
  const clock = new ManualClock();
  const page = new Page();
  const begun: { lastEventId: string | null; handlers: LiveHandlers; isOpen: boolean }[] = [];
  let refusals = 0;
  const live = new Live({
    clock,
    visibility: new PageVisibility(page),
    onTokenRefused: () => renewable && ++refusals > 0,
    subscribe: (lastEventId, handlers) => {
      const one = { lastEventId, handlers, isOpen: true };
      begun.push(one);
      return () => one.isOpen = false;
    },
  });
  const frame = (version: number, stale = false) =>
    begun.at(-1)!.handlers.onSnapshot(aSnapshot(version, stale), `1:${version}`);
  return {
    clock,
    page,
    live,
    begun,
    frame,
    open: () => begun.filter(({ isOpen }) => isOpen).length,
    refusals: () => refusals,
  };
}

/** Listens, and keeps what is told. */
function listen(live: Live): { told: LiveState[]; words: () => string[]; end: () => void } {
  const told: LiveState[] = [];
  const end = live.subscribe((state) => told.push(state));
  const words = () => told.map(({ status, snapshot }) => `${status} ${snapshot?.version ?? "-"}`);
  return { told, words, end };
}

Deno.test("a listener hears the state at once, each frame, and what goes wrong", () => {
  const { live, begun, frame } = stage();
  const { words, end } = listen(live);
  frame(1);
  frame(2, true);
  frame(3);
  begun[0]!.handlers.onLost(null);
  begun[0]!.handlers.onLost(null);
  frame(4);
  assertEquals(words(), [
    "connecting -",
    "live 1",
    "stale 2",
    "live 3",
    "reconnecting 3",
    "live 4",
  ]);
  assertStrictEquals(live.getState(), live.getState());
  end();
});

Deno.test("listeners share a subscription, which ends a moment after the last of them", async () => {
  const { live, clock, begun, frame, open } = stage();
  const first = listen(live);
  const second = listen(live);
  frame(7);
  assertEquals([begun.length, second.words()], [1, ["connecting -", "live 7"]]);
  first.end();
  second.end();
  await clock.advance(999);
  assertEquals(open(), 1);
  const third = listen(live);
  await clock.advance(5_000);
  assertEquals([open(), begun.length, third.words()], [1, 1, ["live 7"]]);
  third.end();
  await clock.advance(1_000);
  assertEquals([open(), clock.timers], [0, 0]);
  // Whoever comes later sees the last figures, and that they may be old.
  const fourth = listen(live);
  assertEquals([fourth.words(), begun.at(-1)!.lastEventId], [["reconnecting 7"], "1:7"]);
  fourth.end();
});

Deno.test("a subscription that fails or is ended by the server begins anew, where it was", async () => {
  const { live, clock, begun, frame } = stage();
  const { told, end } = listen(live);
  frame(5);
  const busy = new WeirError("rate_limited", "too many streams", { retryAfterMs: 1_000 });
  begun[0]!.handlers.onError(busy);
  assertEquals([live.getState().status, live.getState().error], ["reconnecting", busy]);
  await clock.advance(1_000);
  assertEquals(begun.length, 1);
  await clock.advance(100);
  assertEquals([begun.length, begun[1]!.lastEventId], [2, "1:5"]);
  begun[0]!.handlers.onSnapshot(aSnapshot(9), "1:9");
  assertEquals(live.getState().snapshot?.version, 5, "a subscription that is over has no say");
  begun[1]!.handlers.onComplete();
  await clock.advance(200);
  assertEquals(begun.length, 3);
  frame(6);
  assertEquals([told.at(-1)?.status, told.at(-1)?.error], ["live", null]);
  end();
});

Deno.test("a refusal for good is told, and not asked again until somebody new listens", async () => {
  const { live, clock, begun } = stage();
  const { told, end } = listen(live);
  const refusal = new WeirError("forbidden", "this key is for another store");
  begun[0]!.handlers.onError(refusal);
  assertEquals([told.at(-1)?.status, told.at(-1)?.error], ["refused", refusal]);
  await clock.advance(60_000);
  assertEquals(begun.length, 1);
  const beside = listen(live);
  assertEquals([begun.length, beside.words()], [1, ["refused -"]]);
  beside.end();
  end();
  await assertRejects(
    async () => {
      for await (const { status } of live) {
        assertEquals(status, "connecting");
        begun.at(-1)!.handlers.onError(refusal);
      }
    },
    WeirError,
    "another store",
  );
  assertEquals(begun.length, 2);
});

Deno.test("a refused token is brought anew a few times, and then the refusal is told", async () => {
  const { live, clock, begun, frame, refusals } = stage({ renewable: true });
  const { told, end } = listen(live);
  const refuse = () =>
    begun.at(-1)!.handlers.onError(new WeirError("unauthenticated", "the token has expired"));
  refuse();
  await clock.advance(10_000);
  frame(1);
  for (let times = 0; times < 3; times++) {
    refuse();
    await clock.advance(10_000);
  }
  assertEquals([told.at(-1)?.status, begun.length], ["reconnecting", 5]);
  refuse();
  assertEquals([told.at(-1)?.status, refusals()], ["refused", 5]);
  end();
});

Deno.test("outages before do not count as refused tokens", async () => {
  const { live, clock, begun, refusals } = stage({ renewable: true });
  const { told, end } = listen(live);
  for (let outages = 0; outages < 5; outages++) {
    begun.at(-1)!.handlers.onError(new WeirError("unavailable", "the database is away"));
    await clock.advance(10_000);
  }
  begun.at(-1)!.handlers.onError(new WeirError("unauthenticated", "the token has expired"));
  assertEquals([told.at(-1)?.status, refusals()], ["connecting", 1]);
  end();
  live.close();
});

Deno.test("a listener that throws keeps no state from the others", async () => {
  const { live, frame } = stage();
  const thrown = deferred<Error>();
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    thrown.resolve(event.error);
  };
  globalThis.addEventListener("error", onError);
  const endOfFirst = live.subscribe(({ snapshot }) => {
    if (snapshot !== null) throw new RangeError("a mistake of the page");
  });
  const { words, end } = listen(live);
  frame(1);
  assertEquals(words(), ["connecting -", "live 1"]);
  assertEquals((await thrown.promise).message, "a mistake of the page");
  globalThis.removeEventListener("error", onError);
  endOfFirst();
  end();
  live.close();
});

Deno.test("a hidden page has no subscription, and goes on where it was when it is seen", async () => {
  const { live, clock, page, begun, frame, open } = stage();
  const { words, end } = listen(live);
  frame(1);
  page.turn("hidden");
  await clock.advance(600_000);
  assertEquals(open(), 0);
  page.turn("visible");
  assertEquals([open(), begun.at(-1)!.lastEventId], [1, "1:1"]);
  frame(2);
  assertEquals(words(), ["connecting -", "live 1", "reconnecting 1", "live 2"]);
  page.turn("hidden");
  begun.at(-1)!.handlers.onError(new WeirError("unavailable", "late"));
  await clock.advance(60_000);
  assertEquals(open(), 0);
  end();
  await clock.advance(1_000);
  page.turn("visible");
  assertEquals(open(), 0, "nobody listens");
  page.turn("hidden");
  const late = listen(live);
  assertEquals([open(), late.words()], [0, ["reconnecting 2"]], "it begins hidden");
  page.turn("visible");
  assertEquals(open(), 1);
  late.end();
  live.close();
  assertEquals(new PageVisibility(pageOf({})).isHidden, false);
});

Deno.test("an iterator gets the newest state, and ends the subscription when it is left", async () => {
  const { live, clock, frame, open } = stage();
  const seen: string[] = [];
  for await (const { status, snapshot } of live) {
    seen.push(`${status} ${snapshot?.version ?? "-"}`);
    if (snapshot?.version === 4) break;
    frame((snapshot?.version ?? 0) + 1);
    if (snapshot?.version === 2) frame(4); // the one before is skipped
  }
  assertEquals(seen, ["connecting -", "live 1", "live 2", "live 4"]);
  await clock.advance(1_000);
  assertEquals([open(), clock.timers], [0, 0]);
});

Deno.test("live figures that are closed end their iterators and stay closed", async () => {
  const { live, begun, open } = stage();
  const iterating = (async () => {
    for await (const _ of live);
  })();
  live.close();
  await iterating;
  assertEquals(open(), 0);
  listen(live).end();
  live.restart();
  assertEquals([open(), begun.length], [0, 1]);
});

Deno.test("a restart subscribes anew by the way of the moment", () => {
  const { live, begun, open, frame } = stage();
  live.restart();
  assertEquals(begun.length, 0, "nobody listens");
  const { end } = listen(live);
  frame(3);
  live.restart();
  assertEquals([begun.length, open(), begun[1]!.lastEventId], [2, 1, "1:3"]);
  end();
});
