import { assert, assertEquals, assertRejects } from "@std/assert";
import { Refused } from "../../../../client/contract/refused.ts";
import { ANSWER_BOUNDS, AnswerBudget } from "../../../../server/front/answers/answer_budget.ts";
import { Slots } from "../../../../server/front/slots.ts";
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
  const budget = new AnswerBudget(undefined, BOUNDS);
  let read = Promise.withResolvers<void>();
  let isUnread = false;
  const slots = new Slots(async () => {
    if (isUnread) await read.promise;
  });
  const answers = budget.ofConnection(slots);
  let made = 0;
  const make = () => {
    made++;
    isUnread = true;
    return answer();
  };
  const first = answers.make("a", BYTES, make);
  await first;
  const second = answers.make("a", BYTES, make);
  assertEquals(made, 1);
  assert(budget.bytes > 0);
  isUnread = false;
  read.resolve();
  read = Promise.withResolvers();
  await second;
  assertEquals(made, 2);
  isUnread = false;
  read.resolve();
  await until("all to be read", () => budget.bytes === 0);
});
