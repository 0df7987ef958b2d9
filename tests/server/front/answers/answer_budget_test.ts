import { assert, assertEquals, assertRejects } from "@std/assert";
import { Refused } from "../../../../client/contract/refused.ts";
import { ANSWER_BOUNDS, AnswerBudget } from "../../../../server/front/answers/answer_budget.ts";
import { Slots } from "../../../../server/front/slots.ts";
import { pause } from "../../../../sql/waiting.ts";
import { until } from "../../../support/services/services.ts";

const BYTES = 1_000;
const BOUNDS = {
  ...ANSWER_BOUNDS,
  requestBytes: 4 * BYTES,
  keyBytes: 8 * BYTES,
  processBytes: 10 * BYTES,
};
/** An answer of nearly the most bytes that it may have. */
const text = "x".repeat(BYTES - 10);
const answer = () => Promise.resolve(text);

async function reasonOf(made: Promise<unknown>): Promise<string> {
  const refused = await assertRejects(() => made, Refused);
  return refused.refusal.reason;
}

Deno.test("AnswerBudget refuses what does not fit into one request, before it is made", async () => {
  const refusals: string[] = [];
  const budget = new AnswerBudget((reason) => refusals.push(reason), BOUNDS);
  const request = budget.ofRequest();
  for (let made = 0; made < 4; made++) await request.make("a", BYTES, answer);
  let wasMade = false;
  const late = request.make("a", BYTES, () => {
    wasMade = true;
    return answer();
  });
  assertEquals(await reasonOf(late), "payload_too_large");
  assertEquals([wasMade, refusals], [false, ["payload_too_large"]]);
  request.close();
  request.close();
  assertEquals(budget.bytes, 0);
  await budget.ofRequest().make("a", BYTES, answer);
});

Deno.test("AnswerBudget counts small answers as what they have", async () => {
  const request = new AnswerBudget(undefined, BOUNDS).ofRequest();
  for (let made = 0; made < 100; made++) {
    await request.make("a", BYTES, () => Promise.resolve("small"));
  }
  assert(request.bytes < BYTES);
});

Deno.test("AnswerBudget keeps a key's answers within its share, and all within the process's", async () => {
  const budget = new AnswerBudget(undefined, BOUNDS);
  const fill = async (key: string, count: number) => {
    const request = budget.ofRequest();
    for (let made = 0; made < count; made++) await request.make(key, BYTES, answer);
    return request;
  };
  const first = await fill("a", 4);
  await fill("a", 4);
  assertEquals(await reasonOf(fill("a", 1)), "queue_full");
  await fill("b", 2);
  assertEquals(await reasonOf(fill("b", 1)), "queue_full");
  first.close();
  await fill("b", 2);
});

Deno.test("AnswerBudget frees what failed, and what a request that is over still makes", async () => {
  const budget = new AnswerBudget(undefined, BOUNDS);
  const request = budget.ofRequest();
  await assertRejects(() => request.make("a", BYTES, () => Promise.reject(new Error("no"))), Error);
  assertEquals(budget.bytes, 0);
  const { promise, resolve } = Promise.withResolvers<string>();
  const late = request.make("a", BYTES, () => promise);
  await until("it to be begun", () => budget.bytes === BYTES);
  request.close();
  resolve(text);
  assertEquals(await late, text);
  assertEquals(budget.bytes, 0);
});

Deno.test("AnswerBudget makes the next answer of a connection once the last one is read", async () => {
  const budget = new AnswerBudget();
  let read = Promise.withResolvers<void>();
  let isUnread = false;
  const slots = new Slots(async () => {
    if (isUnread) await read.promise;
  });
  let isClosed = false;
  const answers = budget.ofConnection(slots, () => isClosed);
  let made = 0;
  const make = () => {
    made++;
    isUnread = true;
    return answer();
  };
  // All are asked for in one message, before anything is unread.
  const asked = [1, 2, 3].map(() => answers.makePage("a", make));
  await asked[0];
  await pause(20);
  assertEquals(made, 1, "the first is not read yet");
  assert(budget.bytes > 0);
  isUnread = false;
  read.resolve();
  read = Promise.withResolvers();
  await asked[1];
  await pause(20);
  assertEquals(made, 2, "the second is not read yet");
  isClosed = true;
  isUnread = false;
  read.resolve();
  assertEquals(await reasonOf(asked[2]!), "queue_full");
  assertEquals(made, 2, "nobody is there to read the third");
  await until("all to be read", () => budget.bytes === 0);
  await pause(20); // the last look at what is read
});

Deno.test("AnswerBudget makes a single answer while pages wait for a silent database", async () => {
  const budget = new AnswerBudget();
  const silent = Promise.withResolvers<string>();
  const pages = [1, 2, 3].map((page) =>
    budget.ofRequest().makePage(`${page}`, () => silent.promise)
  );
  assertEquals(await budget.ofRequest().make("a", BYTES, answer), text);
  silent.resolve(text);
  await Promise.all(pages);
});

Deno.test("AnswerBudget makes no answer for a caller that is gone", async () => {
  const budget = new AnswerBudget();
  const request = budget.ofRequest();
  const silent = Promise.withResolvers<string>();
  const first = request.makePage("a", () => silent.promise);
  let wasMade = false;
  const second = request.makePage("a", () => {
    wasMade = true;
    return answer();
  });
  request.close();
  assertEquals(await reasonOf(second), "queue_full");
  silent.resolve(text);
  await first;
  assertEquals(await reasonOf(request.make("a", BYTES, answer)), "queue_full");
  assertEquals([wasMade, budget.bytes], [false, 0]);
});
