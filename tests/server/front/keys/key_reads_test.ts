import { assert, assertEquals, assertRejects } from "@std/assert";
import { type KeyAnswer, KeyReads } from "../../../../server/front/keys/key_reads.ts";
import type { KeyInForce } from "../../../../sql/api_keys.ts";

type Keys = (KeyInForce | null)[];

/** Reads whose statements the test answers, one after the other. */
function someReads(maxWaiting = Infinity) {
  const time = { now: 0 };
  const statements: { tokens: readonly string[]; answer: PromiseWithResolvers<Keys> }[] = [];
  /** Answers the statement `index`, once it is asked, with no key for any of its tokens. */
  const answer = async (index: number) => {
    while (statements[index] === undefined) await new Promise((resolve) => setTimeout(resolve));
    statements[index].answer.resolve(none(statements[index].tokens.length));
  };
  const answers: [string, KeyAnswer][] = [];
  const failures: number[] = [];
  const reads = new KeyReads({
    findKeys: (tokens) => {
      const answer = Promise.withResolvers<Keys>();
      statements.push({ tokens, answer });
      return answer.promise;
    },
    onAnswer: (token, answer) => void answers.push([token, answer]),
    onFailure: (tokens) => void failures.push(tokens),
    maxWaiting,
    now: () => time.now,
  });
  return { reads, statements, answer, answers, failures, time };
}

function none(count: number): Keys {
  return Array.from({ length: count }, () => null);
}

Deno.test("tokens that come during a statement are asked for by the next one, together", async () => {
  const { reads, statements, answer, answers, time } = someReads();
  const first = reads.read("a")!;
  const others = Array.from({ length: 600 }, (_, index) => reads.read(`b${index}`)!);
  assertEquals(statements.map(({ tokens }) => tokens), [["a"]]);
  time.now = 7;
  await answer(0);
  assertEquals(await first.answer, { key: null, askedAt: 0 });
  await answer(1);
  assertEquals(await others[499]!.answer, { key: null, askedAt: 7 });
  await answer(2);
  await others[599]!.answer;
  assertEquals(statements.map(({ tokens }) => tokens.length), [1, 500, 100]);
  assertEquals(answers.length, 601);
});

Deno.test("callers of one token share its read, whether it waits or is under way", async () => {
  const { reads, statements, answer } = someReads();
  const [a, b] = [reads.read("a"), reads.read("b")];
  assertEquals([reads.read("a"), reads.read("b")], [a, b]);
  await answer(0);
  await a!.answer;
  assert(reads.read("b") === b);
  await answer(1);
  await b!.answer;
  assertEquals(statements.map(({ tokens }) => tokens), [["a"], ["b"]]);
});

Deno.test("a read past the bound is refused at once, and those that wait are answered", async () => {
  const { reads, answer } = someReads(2);
  const kept = ["a", "b", "c"].map((token) => reads.read(token)!);
  assertEquals(reads.read("d"), null);
  assert(reads.read("c") === kept[2]);
  await answer(0);
  await answer(1);
  for (const read of kept) assertEquals((await read.answer).key, null);
  const d = reads.read("d")!;
  await answer(2);
  assertEquals((await d.answer).key, null);
});

Deno.test("a failed statement fails its reads and those that wait, and the next read is tried", async () => {
  const { reads, statements, answer, failures } = someReads();
  const failed = ["a", "b"].map((token) => reads.read(token)!);
  statements[0]!.answer.reject(new Error("away"));
  for (const { answer, soon } of failed) {
    await assertRejects(() => answer, Error, "away");
    await assertRejects(() => soon, Error, "away");
  }
  assertEquals(failures, [2]);
  const next = reads.read("a")!;
  await answer(1);
  assertEquals((await next.soon)?.key, null);
});

Deno.test("a database that does not answer is silent, for those that wait and those that come", async () => {
  const { reads, answer } = someReads();
  const waiting = ["a", "b"].map((token) => reads.read(token)!);
  assertEquals(await Promise.all(waiting.map((read) => read.soon)), [null, null]);
  const later = reads.read("c")!;
  assertEquals(await later.soon, null);
  await answer(0);
  assertEquals((await waiting[0]!.answer).key, null);
  const spoken = reads.read("d")!;
  await answer(1);
  await answer(2);
  assertEquals((await spoken.soon)?.key, null);
});

Deno.test("a process that is busy does not take itself for a silent database", async () => {
  const reads = new KeyReads({
    // An answer comes in several pieces, each of which needs a turn of the process.
    findKeys: async (tokens) => {
      for (let piece = 0; piece < 7; piece++) await new Promise((resolve) => setTimeout(resolve));
      return none(tokens.length);
    },
    onAnswer: () => undefined,
    onFailure: () => undefined,
    maxWaiting: 1,
    now: () => performance.now(),
  });
  const busy = setInterval(() => {
    for (const until = performance.now() + 100; performance.now() < until;);
  }, 1);
  try {
    const begunAt = performance.now();
    assertEquals((await reads.read("a")!.soon)?.key, null);
    assert(performance.now() - begunAt > 400, "the process was busy for longer than a silence");
  } finally {
    clearInterval(busy);
  }
});
