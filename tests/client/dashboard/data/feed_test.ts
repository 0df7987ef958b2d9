import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { TRPCClientError } from "@trpc/client";
import { type FeedHandlers, keepSubscribed } from "../../../../client/dashboard/data/feed.ts";
import { problemOf } from "../../../../client/dashboard/data/problem.ts";

/** A feed whose server is the test. `seen` holds the events that the page got. */
function startFeed() {
  const seen: string[] = [];
  const handlers: FeedHandlers<string>[] = [];
  const stop = keepSubscribed<string>({
    subscribe: (given) => {
      seen.push("subscribe");
      handlers.push(given);
      return { unsubscribe: () => seen.push("unsubscribe") };
    },
    onData: (data) => seen.push(data),
    onStarted: () => seen.push("started"),
    onLost: () => seen.push("lost"),
    onProblem: ({ sentence }) => seen.push(sentence),
  });
  const newest = () => {
    const handler = handlers.at(-1);
    if (handler === undefined) throw new Error("nothing was subscribed");
    return handler;
  };
  return { seen, stop, newest };
}

function refusal(reason: string, retryAfterMs?: number) {
  const data = { code: "X", httpStatus: 400, reason, ...(retryAfterMs ? { retryAfterMs } : {}) };
  return TRPCClientError.from({ error: { message: `because ${reason}`, code: -32_000, data } });
}

Deno.test("a feed is asked for again after the server ends it", () => {
  using time = new FakeTime();
  const { seen, stop, newest } = startFeed();
  newest().onStarted();
  newest().onData("a");
  newest().onComplete();
  assertEquals(seen, ["subscribe", "started", "a", "lost"]);
  time.tick(1_000);
  newest().onData("b");
  stop();
  assertEquals(seen.slice(4), ["subscribe", "b", "unsubscribe"]);
});

Deno.test("a passing refusal is followed by another try, at the time that the server said", () => {
  using time = new FakeTime();
  const { seen, stop, newest } = startFeed();
  newest().onError(refusal("internal", 10_000));
  time.tick(9_999);
  assertEquals(seen, ["subscribe", "Because internal."]);
  time.tick(5_001);
  assertEquals(seen.slice(2), ["subscribe"]);
  stop();
});

Deno.test("a refusal that waiting does not cure is shown, and nothing is asked again", () => {
  using time = new FakeTime();
  const { seen, stop, newest } = startFeed();
  newest().onError(refusal("forbidden"));
  time.tick(3_600_000);
  assertEquals(seen, ["subscribe", "Because forbidden."]);
  stop();
});

Deno.test("a lost connection is shown, and the client mends it", () => {
  using time = new FakeTime();
  const { seen, stop, newest } = startFeed();
  newest().onConnectionStateChange({ state: "pending" });
  newest().onConnectionStateChange({ state: "connecting" });
  time.tick(3_600_000);
  assertEquals(seen, ["subscribe", "lost"]);
  stop();
});

Deno.test("a stopped feed says and asks nothing more", () => {
  using time = new FakeTime();
  const { seen, stop, newest } = startFeed();
  newest().onError(refusal("unavailable"));
  stop();
  newest().onComplete();
  newest().onError(refusal("internal"));
  newest().onConnectionStateChange({ state: "idle" });
  time.tick(3_600_000);
  assertEquals(seen.slice(2), ["unsubscribe"]);
});

Deno.test("problemOf() tells final problems from others, and when to try again", () => {
  const reasons = ["unauthenticated", "forbidden", "invalid_input", "unavailable", "internal"];
  assertEquals(
    reasons.map((reason) => problemOf(refusal(reason)).retryAfterMs),
    [null, null, null, 2_000, 2_000],
  );
  assertEquals(problemOf(refusal("unavailable", 700)).retryAfterMs, 700);
});

Deno.test("problemOf() says that an answer was lost, where none came from the service", () => {
  assertEquals(problemOf(new Error("Failed to fetch")), {
    reason: null,
    sentence: "The server's answer was lost on its way (Failed to fetch).",
    retryAfterMs: 2_000,
  });
  assertEquals(problemOf(new Error("")).sentence, "The server's answer was lost on its way.");
  assertEquals(
    problemOf(refusal("outcome_unknown")).sentence,
    "The database's answer was lost on its way.",
  );
  assertEquals(problemOf(refusal("internal")).sentence, "Because internal.");
});
