import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { createAuth } from "../../server/auth.ts";
import { RefusedError } from "../../server/router/errors.ts";
import type { ApiKey } from "../../sql/api_keys.ts";

const KEY: ApiKey = {
  keyId: "k1",
  label: "till",
  scopes: ["orders:write"],
  storeId: "store-1",
  createdAt: "",
  revokedAt: null,
};

/** What `authenticate` says, in a word. */
async function said(answer: Promise<{ keyId: string }>): Promise<string> {
  try {
    return (await answer).keyId;
  } catch (error) {
    if (error instanceof RefusedError) return error.refusal.reason;
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

Deno.test("a key is read once and then remembered; one that there is not is remembered too", async () => {
  const { auth, database } = anAuth();
  assertEquals(await said(auth.authenticate("a")), "k1");
  assertEquals(await said(auth.authenticate("a")), "k1");
  database.answer = () => Promise.resolve(null);
  assertEquals(await said(auth.authenticate("b")), "unauthenticated");
  assertEquals(await said(auth.authenticate("b")), "unauthenticated");
  assertEquals(database.reads, 2);
  assertEquals(await said(auth.authenticate(null)), "unauthenticated");
  assertEquals(await said(auth.authenticate("dev-key")), "dev");
});

Deno.test("a key that was revoked stops within 30 seconds", async () => {
  const { auth, database, time } = anAuth();
  assertEquals(await said(auth.authenticate("a")), "k1");
  database.answer = () => Promise.resolve(null);
  while (await said(auth.authenticate("a")) === "k1") time.now += 1_000;
  assertLess(time.now, 31_000);
});

Deno.test("while the database is away a known key works on, and an unknown one is unavailable", async () => {
  const { auth, database, time } = anAuth();
  assertEquals(await said(auth.authenticate("a")), "k1");
  database.answer = () => Promise.reject(new Error("away"));
  time.now += 3_600_000;
  assertEquals(await said(auth.authenticate("a")), "k1");
  assertEquals(await said(auth.authenticate("b")), "unavailable");
  await assertRejects(() => auth.authenticate("b"), RefusedError);
});

Deno.test("while the database hangs a known key does not wait for it", async () => {
  const { auth, database, time } = anAuth();
  assertEquals(await said(auth.authenticate("a")), "k1");
  database.answer = () => new Promise(() => undefined);
  time.now += 60_000;
  assertEquals(await said(auth.authenticate("a")), "k1");
});
