import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { createAuth } from "../../../../server/front/keys/auth.ts";
import { Refused } from "../../../../client/contract/refused.ts";
import type { KeyInForce } from "../../../../sql/api_keys.ts";
import { PoolBusy } from "../../../../sql/connection/gate.ts";

const KEY: KeyInForce = {
  keyId: "k1",
  label: "till",
  scopes: ["orders:write"],
  storeIds: ["store-1"],
  currencies: null,
  createdAt: "",
  revokedAt: null,
  tokenKey: null,
};

/** A token of the right form. */
function aToken(number: number): string {
  return `weir_${number.toString(16).padStart(16, "0")}_${"x".repeat(43)}`;
}

const [A, B] = [aToken(1), aToken(2)];

/** The answer of `authenticate` in one word: the key's id, or the reason of the refusal. */
async function said(answer: Promise<{ keyId: string }>): Promise<string> {
  try {
    return (await answer).keyId;
  } catch (error) {
    if (error instanceof Refused) return error.refusal.reason;
    throw error;
  }
}

/** A database whose answers the test gives. */
function aDatabase() {
  const database = {
    answer: (): Promise<KeyInForce | null> => Promise.resolve(KEY),
    /** The tokens that were looked up. */
    reads: 0,
    find: async (tokens: readonly string[]) => {
      database.reads += tokens.length;
      const answer = await database.answer();
      return tokens.map(() => answer);
    },
  };
  return database;
}

/** An auth with a way to the database for the keys that it knows, and one for other tokens. */
function anAuth() {
  const time = { now: 1_000 };
  const [known, unknown] = [aDatabase(), aDatabase()];
  const counted: Record<string, number> = {};
  const paces = {
    former: { turn: () => Promise.resolve() },
    stranger: { turn: () => Promise.resolve() },
  };
  const auth = createAuth({
    devKey: "dev-key",
    tokenMaxSeconds: 3_600,
    wallClock: Date.now,
    paces,
    now: () => time.now,
    findKnown: known.find,
    findUnknown: unknown.find,
    onLookUp: (outcome, tokens) => counted[outcome] = (counted[outcome] ?? 0) + tokens,
  });
  return { auth, known, unknown, time, counted, paces };
}

/** The failure of a database that is away. */
class Away extends Error {
  readonly code = "ECONNREFUSED";
}

const away = () => Promise.reject(new Away());
const revoked = () => Promise.resolve(null);

Deno.test("a key is read once and then remembered, also when the key does not exist", async () => {
  const { auth, unknown, known, counted } = anAuth();
  assertEquals(await said(auth.authenticate(A)), "k1");
  assertEquals(await said(auth.authenticate(A)), "k1");
  unknown.answer = () => Promise.resolve(null);
  assertEquals(await said(auth.authenticate(B)), "unauthenticated");
  assertEquals(await said(auth.authenticate(B)), "unauthenticated");
  assertEquals([unknown.reads, known.reads], [2, 0]);
  assertEquals(counted, { found: 1, wrong: 1 });
  assertEquals(await said(auth.authenticate(null)), "unauthenticated");
  assertEquals(await said(auth.authenticate("dev-key")), "dev");
});

Deno.test("a key that was revoked stops within 10 seconds, in use or not", async () => {
  for (const stepMs of [100, 1_000, 9_999, 10_000]) {
    const { auth, known, time } = anAuth();
    assertEquals(await said(auth.authenticate(A)), "k1");
    known.answer = revoked;
    const revokedAt = time.now;
    let usedAt = time.now;
    for (; await said(auth.authenticate(A)) === "k1"; time.now += stepMs) usedAt = time.now;
    assertLess(usedAt - revokedAt, 10_000, `used every ${stepMs} ms`);
  }
});

Deno.test("an entry speaks from the moment it was asked for, not from its answer", async () => {
  const { auth, known, unknown, time } = anAuth();
  const late = Promise.withResolvers<KeyInForce>();
  unknown.answer = () => late.promise;
  const first = said(auth.authenticate(A));
  time.now += 8_000;
  late.resolve(KEY);
  assertEquals(await first, "k1");
  known.answer = revoked;
  time.now += 3_000;
  assertEquals(await said(auth.authenticate(A)), "unauthenticated");
});

Deno.test("a key in use is read again in the background, and no call waits for it", async () => {
  const { auth, known, time } = anAuth();
  assertEquals(await said(auth.authenticate(A)), "k1");
  const answer = Promise.withResolvers<KeyInForce>();
  known.answer = () => answer.promise;
  time.now += 4_000;
  assertEquals([await said(auth.authenticate(A)), known.reads], ["k1", 0]);
  time.now += 2_000;
  assertEquals([await said(auth.authenticate(A)), known.reads], ["k1", 1]);
  assertEquals([await said(auth.authenticate(A)), known.reads], ["k1", 1]);
  answer.resolve(KEY);
  time.now += 4_999; // the first answer is too old, the second is in force
  assertEquals([await said(auth.authenticate(A)), known.reads], ["k1", 1]);
});

Deno.test("while the database is away a known key works on, and an unknown one is unavailable", async () => {
  const { auth, known, unknown, time, counted } = anAuth();
  assertEquals(await said(auth.authenticate(A)), "k1");
  known.answer = unknown.answer = away;
  time.now += 3_600_000;
  assertEquals(await said(auth.authenticate(A)), "k1");
  assertEquals(await said(auth.authenticate(B)), "unavailable");
  await assertRejects(() => auth.authenticate(B), Refused);
  assertEquals(counted, { found: 1, failed: 3 });
});

Deno.test("while the database hangs a known key works on", async () => {
  const { auth, known, time } = anAuth();
  assertEquals(await said(auth.authenticate(A)), "k1");
  known.answer = () => new Promise(() => undefined);
  time.now += 60_000;
  assertEquals(await said(auth.authenticate(A)), "k1");
  assertEquals(await said(auth.authenticate(A)), "k1");
});

Deno.test("while the database answers, if slowly, a known key waits for its answer", async () => {
  const { auth, known, time } = anAuth();
  const slow = (answer: KeyInForce | null) => () =>
    new Promise<KeyInForce | null>((resolve) => setTimeout(() => resolve(answer), 150));
  assertEquals(await said(auth.authenticate(A)), "k1");
  assertEquals(await said(auth.authenticate(B)), "k1");
  time.now += 60_000;
  known.answer = slow(null);
  const answers = [said(auth.authenticate(A)), said(auth.authenticate(B))];
  assertEquals(await Promise.all(answers), ["unauthenticated", "unauthenticated"]);
});

Deno.test("a known key that cannot be read for congestion or a bug is not used", async () => {
  const { auth, known, time } = anAuth();
  assertEquals(await said(auth.authenticate(A)), "k1");
  time.now += 60_000;
  known.answer = () => Promise.reject(new PoolBusy());
  assertEquals(await said(auth.authenticate(A)), "unavailable");
  known.answer = () => Promise.reject(new TypeError("a bug"));
  await assertRejects(() => auth.authenticate(A), TypeError, "a bug");
});

Deno.test("guesses that wait for the database delay no known key", async () => {
  const { auth, known, unknown, time } = anAuth();
  assertEquals(await said(auth.authenticate(A)), "k1");
  const answer = Promise.withResolvers<null>();
  unknown.answer = () => answer.promise;
  const guesses = Array.from({ length: 900 }, (_, i) => said(auth.authenticate(aToken(9 + i))));
  time.now += 60_000;
  known.answer = revoked;
  assertEquals(await said(auth.authenticate(A)), "unauthenticated");
  answer.resolve(null);
  assertEquals(new Set(await Promise.all(guesses)), new Set(["unauthenticated"]));
});

Deno.test("guesses put out no known key, and a bounded number of them waits", async () => {
  const { auth, known, unknown, time, counted } = anAuth();
  assertEquals(await said(auth.authenticate(A)), "k1");
  unknown.answer = revoked;
  for (let from = 0; from < 12_000; from += 500) {
    const guesses = Array.from(
      { length: 500 },
      (_, i) => said(auth.authenticate(aToken(9 + from + i))),
    );
    assertEquals(new Set(await Promise.all(guesses)), new Set(["unauthenticated"]));
  }
  time.now += 60_000;
  const answer = Promise.withResolvers<null>();
  unknown.answer = () => answer.promise;
  const waiting = Array.from(
    { length: 3_000 },
    (_, i) => said(auth.authenticate(aToken(99_999 + i))),
  );
  const shed = await Promise.race(waiting.slice(1_001));
  assertEquals([shed, counted["shed"]], ["unavailable", 1_999]);
  await assertRejects(() => auth.authenticate(B), Refused, "too many unknown keys");
  answer.resolve(null);
  const refused = await Promise.all(waiting);
  assertEquals(refused.filter((answer) => answer === "unauthenticated").length, 1_001);
  known.answer = away;
  assertEquals(await said(auth.authenticate(A)), "k1", "it is still known");
});

Deno.test("text that is no token costs no read, and is not kept", async () => {
  const { auth, known, unknown } = anAuth();
  unknown.answer = revoked;
  const before = Deno.memoryUsage().heapUsed;
  for (let guess = 0; guess < 600; guess++) {
    const long = `${A}${guess}`.padEnd(1_000_000, "x");
    assertEquals(await said(auth.authenticate(long)), "unauthenticated");
  }
  for (const token of ["", "a", `${A} `, `${A}x`, A.slice(0, -1), A.toUpperCase()]) {
    assertEquals(await said(auth.authenticate(token)), "unauthenticated", token);
  }
  assertEquals(known.reads + unknown.reads, 0);
  assertLess(Deno.memoryUsage().heapUsed - before, 300_000_000);
});

Deno.test("a guess that becomes a key is let in, and callers of one moment share one read", async () => {
  const { auth, unknown, time } = anAuth();
  unknown.answer = revoked;
  assertEquals(await said(auth.authenticate(A)), "unauthenticated");
  unknown.answer = () => Promise.resolve(KEY);
  time.now += 11_000;
  const all = await Promise.all(Array.from({ length: 50 }, () => said(auth.authenticate(A))));
  assertEquals(new Set(all), new Set(["k1"]));
  assertEquals(unknown.reads, 2);
});

Deno.test("every refusal takes its turn, a revoked key apart from strangers, and no key that is let in waits", async () => {
  const { auth, known, unknown, paces, time } = anAuth();
  const turn = Promise.withResolvers<void>();
  let turns = 0;
  paces.stranger.turn = () => {
    turns++;
    return turn.promise;
  };
  assertEquals(await said(auth.authenticate(A)), "k1");
  assertEquals(await said(auth.authenticate("dev-key")), "dev");
  unknown.answer = revoked;
  const refused = [null, "nonsense", B].map((token) => said(auth.authenticate(token)));
  let isAnswered = false;
  void Promise.race(refused).then(() => isAnswered = true);
  while (turns < 3) await new Promise((resolve) => setTimeout(resolve));
  assertEquals(isAnswered, false);
  known.answer = revoked;
  time.now += 60_000;
  assertEquals(await said(auth.authenticate(A)), "unauthenticated", "strangers do not delay it");
  assertEquals([turns, isAnswered], [3, false]);
  turn.resolve();
  assertEquals(await Promise.all(refused), Array(3).fill("unauthenticated"));
  paces.former.turn = () => Promise.reject(new Error("its turn"));
  await assertRejects(() => auth.authenticate(A), Error, "its turn");
});
