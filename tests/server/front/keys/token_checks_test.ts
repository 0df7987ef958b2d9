/** The price of browser tokens: reads, signatures, turns; and the keys that have signed them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Refused } from "../../../../client/contract/refused.ts";
import { signingKeyOf } from "../../../../client/contract/tokens/signing_key.ts";
import { createBrowserToken } from "../../../../client/tokens.ts";
import { textOfId } from "../../../../sql/api_keys.ts";
import {
  anAuth,
  DEV_KEY,
  ID,
  KEY,
  OTHER_KEY,
  said,
  WRONG,
} from "../../../support/access/token_auth.ts";
import {
  confusedToken,
  nowSeconds,
  signedToken,
  unsignedToken,
  withClaims,
} from "../../../support/access/tokens.ts";

Deno.test("a token of a key that the instance knows costs no read, also while the database is away", async () => {
  const { authenticate, database, time } = await anAuth();
  assertEquals(await said(authenticate(KEY)), ID);
  database.reads.length = 0;
  for (let count = 0; count < 3; count++) {
    assertEquals(await said(authenticate(await signedToken(KEY, { jti: `${count}` }))), ID);
  }
  assertEquals(database.reads, []);
  database.find = () => Promise.reject(Object.assign(new Error(), { code: "ECONNREFUSED" }));
  time.ms = 60_000;
  assertEquals(await said(authenticate(await signedToken(KEY, { jti: "late" }))), ID);
  assert((await said(authenticate(await signedToken(OTHER_KEY)))).startsWith("unavailable: "));
});

Deno.test("a token whose key nobody has used is looked up by the key's id, once", async () => {
  const { authenticate, database } = await anAuth();
  const token = await signedToken(KEY);
  const answers = await Promise.all([1, 2, 3].map(() => said(authenticate(token))));
  assertEquals([answers, database.reads], [[ID, ID, ID], [textOfId(ID)]]);
  for (const text of [ID, textOfId(ID)]) {
    assertEquals(
      await said(authenticate(text)),
      "unauthenticated: the API key is wrong or revoked",
    );
  }
});

Deno.test("a revoked key stops its tokens within 10 seconds, in use or not", async () => {
  for (const stepMs of [1_000, 9_999, 10_000]) {
    const { authenticate, database, time } = await anAuth();
    const token = await signedToken(KEY);
    assertEquals(await said(authenticate(token)), ID);
    database.find = (texts) => Promise.resolve(texts.map(() => null));
    let usedAt = 0;
    for (; await said(authenticate(token)) === ID; time.ms += stepMs) usedAt = time.ms;
    assert(usedAt < 10_000, `used every ${stepMs} ms`);
    assertEquals(await said(authenticate(token)), `unauthenticated: ${WRONG}`);
  }
});

Deno.test("a revocation that is learned by the key or by a token of it ends both, also in an outage", async () => {
  const token = await signedToken(KEY);
  for (const [first, second] of [[KEY, token], [token, KEY]] as const) {
    const { authenticate, database, time } = await anAuth();
    assertEquals([await said(authenticate(first)), await said(authenticate(second))], [ID, ID]);
    time.ms = 60_000;
    database.find = (texts) => Promise.resolve(texts.map(() => null));
    assert((await said(authenticate(first))).startsWith("unauthenticated: "));
    database.find = () => Promise.reject(Object.assign(new Error(), { code: "ECONNREFUSED" }));
    for (; time.ms < 300_000; time.ms += 60_000) {
      const answers = [await said(authenticate(first)), await said(authenticate(second))];
      assertEquals(answers.filter((answer) => answer === ID), [], `${time.ms}`);
    }
  }
});

Deno.test("an older answer does not bring a revoked key back, and does not put a newer one out", async () => {
  for (const isRevoked of [true, false]) {
    const { authenticate, database, time } = await anAuth();
    const token = await signedToken(KEY);
    assertEquals(await said(authenticate(token)), ID);
    const { find } = database;
    const late = Promise.withResolvers<void>();
    database.find = async (texts) => {
      await late.promise;
      return isRevoked ? await find(texts) : texts.map(() => null);
    };
    time.ms = 6_000;
    const old = said(authenticate(KEY)); // asks by the text, which the instance does not know yet
    database.find = (texts) => isRevoked ? Promise.resolve(texts.map(() => null)) : find(texts);
    time.ms = 60_000;
    const newer = isRevoked ? `unauthenticated: ${WRONG}` : ID;
    assertEquals(await said(authenticate(token)), newer);
    late.resolve();
    assertEquals(await old, "unauthenticated: the API key is wrong or revoked");
    assertEquals(await said(authenticate(token)), newer);
  }
});

Deno.test("a key that was made before there were tokens can have none, and its token is told so", async () => {
  const { authenticate } = await anAuth({ tokenKey: null });
  assertEquals(
    await said(authenticate(await signedToken(KEY))),
    "unauthenticated: the token's API key was made before there were tokens: " +
      "make a new key, and sign with that",
  );
});

Deno.test("a token of the development key works without a database", async () => {
  const { authenticate, database } = await anAuth();
  const options = { procedures: ["ops.status"], expiresInSeconds: 60 } as const;
  const { token } = await createBrowserToken({ ...options, key: DEV_KEY });
  const { keyId, name, token: limits } = await authenticate(token);
  assertEquals([keyId, name, [...limits!.procedures]], ["dev", "development", ["ops.status"]]);
  assertEquals(database.reads, []);
  const other = await createBrowserToken({ ...options, key: `another-${DEV_KEY}` });
  assertEquals(await said(authenticate(other.token)), `unauthenticated: ${WRONG}`);
});

Deno.test("a development key that could be guessed from a token has none, and its token is told so", async () => {
  const { token } = await createBrowserToken({
    key: DEV_KEY,
    procedures: ["ops.status"],
    expiresInSeconds: 60,
  });
  for (const devKey of [DEV_KEY.slice(0, 31), `"${DEV_KEY}"`, `my weir_ ${DEV_KEY}`]) {
    const { authenticate } = await anAuth({}, devKey);
    assertEquals(await said(authenticate(devKey)), "dev");
    assertEquals(
      await said(authenticate(token)),
      "unauthenticated: WEIR_DEV_KEY is no key for tokens: it needs at least 32 characters, " +
        "without space, quotes and weir_, or the value random",
    );
  }
  const { authenticate } = await anAuth({}, DEV_KEY.slice(0, 32));
  assertEquals(await said(authenticate(token)), `unauthenticated: ${WRONG}`);
});

Deno.test("text without the head of a token costs neither a read nor a signature", async () => {
  const { authenticate, database } = await anAuth();
  const right = await signedToken(KEY);
  const [head, claims, signature] = right.split(".");
  const { subtle } = crypto;
  const { verify } = subtle;
  let verified = 0;
  subtle.verify = (...args: Parameters<typeof verify>) => {
    verified++;
    return verify.apply(subtle, args);
  };
  try {
    const guesses = [
      `${head}.${claims}.${signature}A`,
      `${head}.${claims}`,
      `${head}.${claims}.`,
      `AAAA.${claims}.${signature}`,
      `${"e30"}.${claims}.${signature}`,
      `${head}.${"A".repeat(5_000)}.${signature}`,
      await unsignedToken(KEY),
      await confusedToken(KEY),
      await confusedToken(KEY, {}, "HS256"),
    ];
    assertEquals(new Set(guesses.slice(-3).map((text) => text.split(".")[2]?.length)).size, 1);
    for (const guess of guesses) assert((await said(authenticate(guess))).startsWith("unauth"));
    assertEquals([database.reads, verified], [[], 0]);
    const forged = withClaims(right, { storeId: "any" });
    for (let count = 0; count < 3; count++) {
      assertEquals(await said(authenticate(forged)), `unauthenticated: ${WRONG}`);
      assertEquals(await said(authenticate(right)), ID);
    }
    assertEquals(verified, 2, "one for each text, however often it comes");
    await said(authenticate(await signedToken(OTHER_KEY)));
    assertEquals(verified, 2, "none for a key that is not in force");
  } finally {
    Reflect.deleteProperty(subtle, "verify");
  }
});

/** So many texts that name a key and that it has not signed. */
async function forgedTokens(key: string, length: number): Promise<string[]> {
  const right = await signedToken(key);
  return Array.from({ length }, (_, count) => withClaims(right, { jti: `${count}` }));
}

Deno.test("a bounded number of signatures of one key is checked at once, and no other key waits for them", async () => {
  const { authenticate, database } = await anAuth();
  const other = (await signingKeyOf(OTHER_KEY))!;
  const { find } = database;
  database.find = async (texts) => {
    const [key] = await find([KEY]);
    const found = await find(texts);
    const isOther = (text: string) => text === textOfId(other.keyId);
    const otherKey = { ...key!, keyId: other.keyId, tokenKey: other.publicKey };
    return texts.map((text, index) => isOther(text) ? otherKey : found[index] ?? null);
  };
  assertEquals(await said(authenticate(await signedToken(OTHER_KEY))), other.keyId);
  assertEquals(await said(authenticate(KEY)), ID);
  const forged = (await forgedTokens(KEY, 150)).map((token) => said(authenticate(token)));
  const ofOther = said(authenticate(await signedToken(OTHER_KEY, { jti: "another" })));
  const answers = await Promise.all(forged);
  const shed = answers.filter((answer) => answer.startsWith("unavailable: ")).length;
  assertEquals([shed, answers.length - shed, new Set(answers).size], [50, 100, 2]);
  assertEquals(await ofOther, other.keyId);
  assertEquals(await said(authenticate(await signedToken(KEY))), ID, "the checks have ended");
});

Deno.test("a bounded number of signatures is checked at once", async () => {
  const { authenticate, database } = await anAuth();
  const keys = Array.from(
    { length: 11 },
    (_, index) => `weir_${`${index}`.padStart(16, "0")}_${"s".repeat(43)}`,
  );
  const [found] = await database.find([KEY]); // these keys have one secret
  database.find = (texts) =>
    Promise.resolve(texts.map((text) => ({ ...found!, keyId: /[0-9a-f]{16}/.exec(text)![0] })));
  for (const key of keys) await authenticate(key);
  const forged = (await Promise.all(keys.map((key) => forgedTokens(key, 100)))).flat();
  const answers = await Promise.all(forged.map((token) => said(authenticate(token))));
  const shed = answers.filter((answer) => answer.startsWith("unavailable: ")).length;
  assertEquals([shed, answers.length - shed, new Set(answers).size], [100, 1_000, 2]);
  assertEquals(await said(authenticate(await signedToken(keys[10]!))), "0000000000000010");
});

Deno.test("the refusal of a signed token takes another turn than that of a stranger", async () => {
  const { authenticate, turns, database, time } = await anAuth();
  const now = nowSeconds();
  const expired = await signedToken(KEY, { iat: now - 700, exp: now - 100 });
  const right = await signedToken(KEY);
  await assertRejects(() => authenticate(expired), Refused);
  await assertRejects(() => authenticate(withClaims(right, { storeId: "any" })), Refused);
  await assertRejects(() => authenticate("a.b.c"), Refused);
  await Promise.all([authenticate(right), authenticate(KEY)]);
  database.find = (texts) => Promise.resolve(texts.map(() => null));
  time.ms = 60_000;
  await assertRejects(() => authenticate(right), Refused);
  await assertRejects(() => authenticate(KEY), Refused);
  await assertRejects(() => authenticate(withClaims(right, { jti: "forged" })), Refused);
  assertEquals(turns, ["former", "stranger", "stranger", "former", "former", "stranger"]);
});
