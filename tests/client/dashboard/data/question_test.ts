import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { TRPCClientError } from "@trpc/client";
import { askUntilAnswered } from "../../../../client/dashboard/data/question.ts";

/** A question to a server that is the test. `seen` holds what the page got. */
function startQuestion() {
  const seen: string[] = [];
  const calls: PromiseWithResolvers<string>[] = [];
  const stop = askUntilAnswered<string>({
    ask: (signal) => {
      const call = Promise.withResolvers<string>();
      signal.addEventListener("abort", () => call.reject(new Error("aborted")));
      seen.push("ask");
      calls.push(call);
      return call.promise;
    },
    onAnswer: (answer) => seen.push(answer),
    onProblem: ({ sentence }) => seen.push(sentence),
  });
  return { seen, calls, stop };
}

const LOST = (cause: string) => `The server's answer was lost on its way (${cause}).`;

Deno.test("a question whose answer is lost is asked again", async () => {
  using time = new FakeTime();
  const { seen, calls, stop } = startQuestion();
  calls[0]?.reject(new Error("Failed to fetch"));
  await time.tickAsync(3_000);
  assertEquals(seen, ["ask", LOST("Failed to fetch"), "ask"]);
  calls[1]?.resolve("answer");
  await time.tickAsync(3_600_000);
  assertEquals(seen.slice(3), ["answer"]);
  stop();
});

Deno.test("a question that nobody answers is given up and asked again", async () => {
  using time = new FakeTime();
  const { seen, stop } = startQuestion();
  await time.tickAsync(9_999);
  assertEquals(seen, ["ask"]);
  await time.tickAsync(1);
  await time.tickAsync(3_000);
  assertEquals(seen.slice(1), [LOST("none came for 10 s"), "ask"]);
  stop();
});

Deno.test("a question is not asked again where waiting cannot help", async () => {
  using time = new FakeTime();
  const { seen, calls, stop } = startQuestion();
  const data = { code: "UNAUTHORIZED", reason: "unauthenticated" };
  calls[0]?.reject(TRPCClientError.from({ error: { message: "m", code: -32_001, data } }));
  await time.tickAsync(3_600_000);
  assertEquals(seen, ["ask", "This API key is wrong, or it has been revoked."]);
  stop();
});

Deno.test("a stopped question says and asks nothing more", async () => {
  using time = new FakeTime();
  const { seen, stop } = startQuestion();
  stop();
  await time.tickAsync(3_600_000);
  assertEquals(seen, ["ask"]);
});
