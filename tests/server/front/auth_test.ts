import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { createAuth } from "../../../server/front/auth.ts";
import { Refused } from "../../../client/contract/refused.ts";
import type { ApiKey } from "../../../sql/api_keys.ts";

const KEY: ApiKey = {
  keyId: "k1",
  label: "till",
  scopes: ["orders:write"],
  storeId: "store-1",
  createdAt: "",
  revokedAt: null,
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

/** An auth whose reads of the database the test answers. */
function anAuth() {
  const time = { now: 1_000 };
  const database = { answer: (): Promise<ApiKey | null> => Promise.resolve(KEY), reads: 0 };
  const auth = createAuth({
    devKey: "dev-key",
    now: () => time.now,
    findKey: () => {
      database.reads++;
      return database.answer();
    },
  });
  return { auth, database, time };
}

Deno.test("a key is read once and then remembered, also when the key does not exist", async () => {
  const { auth, database } = anAuth();
  assertEquals(await said(auth.authenticate(A)), "k1");
  assertEquals(await said(auth.authenticate(A)), "k1");
  database.answer = () => Promise.resolve(null);
  assertEquals(await said(auth.authenticate(B)), "unauthenticated");
  assertEquals(await said(auth.authenticate(B)), "unauthenticated");
  assertEquals(database.reads, 2);
  assertEquals(await said(auth.authenticate(null)), "unauthenticated");
  assertEquals(await said(auth.authenticate("dev-key")), "dev");
});

Deno.test("a key that was revoked stops within 30 seconds", async () => {
  const { auth, database, time } = anAuth();
  assertEquals(await said(auth.authenticate(A)), "k1");
  database.answer = () => Promise.resolve(null);
  while (await said(auth.authenticate(A)) === "k1") time.now += 1_000;
  assertLess(time.now, 31_000);
});

Deno.test("while the database is away a known key works on, and an unknown one is unavailable", async () => {
  const { auth, database, time } = anAuth();
  assertEquals(await said(auth.authenticate(A)), "k1");
  database.answer = () => Promise.reject(new Error("away"));
  time.now += 3_600_000;
  assertEquals(await said(auth.authenticate(A)), "k1");
  assertEquals(await said(auth.authenticate(B)), "unavailable");
  await assertRejects(() => auth.authenticate(B), Refused);
});

Deno.test("while the database hangs a known key does not wait for it", async () => {
  const { auth, database, time } = anAuth();
  assertEquals(await said(auth.authenticate(A)), "k1");
  database.answer = () => new Promise(() => undefined);
  time.now += 60_000;
  assertEquals(await said(auth.authenticate(A)), "k1");
});

Deno.test("guesses, also those that wait for the database, put out no known key", async () => {
  const { auth, database, time } = anAuth();
  assertEquals(await said(auth.authenticate(A)), "k1");
  const guess = () =>
    Array.from({ length: 12_000 }, (_, i) => said(auth.authenticate(aToken(9 + i))));
  database.answer = () => Promise.resolve(null);
  assertEquals(new Set(await Promise.all(guess())), new Set(["unauthenticated"]));
  time.now += 60_000;
  const away = Promise.withResolvers<null>();
  database.answer = () => away.promise;
  const waiting = guess();
  away.reject(new Error("away"));
  assertEquals(await said(auth.authenticate(A)), "k1");
  const answers = await Promise.all(waiting);
  assertEquals(answers.filter((answer) => answer === "unavailable").length, 11_000);
  assertEquals(await said(auth.authenticate(A)), "k1");
});

Deno.test("text that is no token costs no read, and is not kept", async () => {
  const { auth, database } = anAuth();
  database.answer = () => Promise.resolve(null);
  const before = Deno.memoryUsage().heapUsed;
  for (let guess = 0; guess < 600; guess++) {
    const long = `${A}${guess}`.padEnd(1_000_000, "x");
    assertEquals(await said(auth.authenticate(long)), "unauthenticated");
  }
  for (const token of ["", "a", `${A} `, `${A}x`, A.slice(0, -1), A.toUpperCase()]) {
    assertEquals(await said(auth.authenticate(token)), "unauthenticated", token);
  }
  assertEquals(database.reads, 0);
  assertLess(Deno.memoryUsage().heapUsed - before, 300_000_000);
});

Deno.test("a guess that becomes a key is let in, and callers of one moment share one read", async () => {
  const { auth, database, time } = anAuth();
  database.answer = () => Promise.resolve(null);
  assertEquals(await said(auth.authenticate(A)), "unauthenticated");
  database.answer = () => Promise.resolve(KEY);
  time.now += 11_000;
  const all = await Promise.all(Array.from({ length: 50 }, () => said(auth.authenticate(A))));
  assertEquals(new Set(all), new Set(["k1"]));
  assertEquals(database.reads, 2);
});
