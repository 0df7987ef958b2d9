/** Browser tokens: which are let in, what they may do, and what each refused one is told. */
import { assert, assertEquals } from "@std/assert";
import { anAuth, ID, KEY, OTHER_KEY, said, WRONG } from "../../../support/access/token_auth.ts";
import {
  type Claims,
  confusedToken,
  nowSeconds,
  signedToken,
  unsignedToken,
  withClaims,
} from "../../../support/access/tokens.ts";

Deno.test("a token has the rights of its key and its own limits", async () => {
  const { authenticate } = await anAuth();
  const exp = nowSeconds() + 600;
  const token = await signedToken(KEY, { exp, storeId: "berlin", name: "a page" });
  assertEquals(await authenticate(token), {
    keyId: ID,
    name: "a page",
    scopes: new Set(["dashboard:read", "orders:read"] as const),
    storeIds: new Set(["berlin"]),
    currencies: new Set(["EUR"]),
    token: {
      procedures: new Set(["dashboard.live"]),
      expiresAt: exp * 1_000,
      endsAt: (exp + 60) * 1_000,
    },
  });
  const { name, storeIds } = await authenticate(await signedToken(KEY));
  assertEquals([name, storeIds], ["till", null]);
});

Deno.test("a token for a store that its key is not for opens no store", async () => {
  const { authenticate } = await anAuth({ storeIds: ["berlin", "lyon"] });
  const storesOf = async (
    claims: Claims,
  ) => [...(await authenticate(await signedToken(KEY, claims))).storeIds ?? ["all"]];
  assertEquals(await storesOf({ storeId: "lyon" }), ["lyon"]);
  assertEquals(await storesOf({ storeId: "paris" }), []);
  assertEquals(await storesOf({}), ["berlin", "lyon"]);
});

Deno.test("a token that is refused is told why when its key has signed it, and nothing else when not", async () => {
  const { authenticate } = await anAuth();
  const now = nowSeconds();
  const claims = (why: string) => `the token's claims are wrong: ${why}`;
  const right = await signedToken(KEY);
  const refused: readonly (readonly [token: string, sentence: string])[] = [
    [await signedToken(KEY, { iat: now - 700, exp: now - 100 }), "the token has expired"],
    [
      await signedToken(KEY, { aud: "shop" }),
      'the token is for another audience: its aud must be "weir"',
    ],
    [await signedToken(KEY, { aud: ["weir", "shop"] }), claims("aud: must be one of weir")],
    [
      await signedToken(KEY, { aud: undefined }),
      'the token is for another audience: its aud must be "weir"',
    ],
    [
      await signedToken(KEY, { iat: now, exp: now + 3_601 }),
      "the token lives for 3601 s, and the service allows 3600 s at most (WEIR_TOKEN_MAX_SECONDS)",
    ],
    [
      await signedToken(KEY, { iat: now + 86_400, exp: now + 90_000 }),
      "the token is not in force yet: its time is ahead of the service's clock",
    ],
    [
      await signedToken(KEY, { nbf: now + 90 }),
      "the token is not in force yet: its time is ahead of the service's clock",
    ],
    [await signedToken(KEY, { exp: undefined }), claims("exp: missing, must be a number")],
    [await signedToken(KEY, { iat: undefined }), claims("iat: missing, must be a number")],
    [await signedToken(KEY, { exp: "soon" }), claims("exp is wrong")],
    [
      await signedToken(KEY, { procedures: undefined }),
      claims("procedures: missing, must be an array"),
    ],
    [await withClaims(right, { storeId: "any" }), WRONG],
    [await signedToken(OTHER_KEY), WRONG],
    [await signedToken(KEY.replaceAll("s", "t")), WRONG],
    [await unsignedToken(KEY), WRONG],
    [await confusedToken(KEY), WRONG],
    [await confusedToken(KEY, {}, "HS256"), WRONG],
    [`${right}x`, WRONG],
    ["a.b.c", WRONG],
    [await confusedToken(KEY, {}, "EdDSA"), WRONG],
    [await signedToken(KEY, {}, { typ: "JWT" }), WRONG],
    [await signedToken(KEY, {}, { typ: undefined }), WRONG],
    [await signedToken(KEY, {}, { typ: "application/weir+jwt" }), WRONG],
    [await signedToken(KEY, {}, { kid: undefined }), WRONG],
    [await signedToken(KEY, {}, { kid: [ID] }), WRONG],
    [await signedToken(KEY, {}, { kid: "dev" }), WRONG],
    [await signedToken(KEY, {}, { kid: "fedcba9876543210" }), WRONG],
  ];
  const answers = await Promise.all(refused.map(([token]) => said(authenticate(token))));
  assertEquals(answers, refused.map(([, sentence]) => `unauthenticated: ${sentence}`));
  assertEquals(await said(authenticate(right)), ID);
});

Deno.test("claims of a wrong shape are refused, and so is one that nobody knows", async () => {
  const { authenticate } = await anAuth();
  const wrong: readonly Claims[] = [
    { procedures: [] },
    { procedures: ["dashboard.live", "dashboard.nothing"] },
    { procedures: "dashboard.live" },
    { storeId: "No Store" },
    { storeId: null },
    { store: "berlin" },
    { name: "" },
    { jti: 7 },
  ];
  for (const claims of wrong) {
    const answer = await said(authenticate(await signedToken(KEY, claims)));
    assert(answer.startsWith("unauthenticated: the token's claims are wrong: "), answer);
  }
});

Deno.test("a clock that is 60 s off, either way, is tolerated, and one of 90 s is not", async () => {
  const { authenticate } = await anAuth();
  const short = async (aheadSeconds: number) => {
    const iat = nowSeconds() + aheadSeconds;
    return await said(authenticate(await signedToken(KEY, { iat, nbf: iat, exp: iat + 20 })));
  };
  assertEquals([await short(58), await short(-58)], [ID, ID]);
  assertEquals(await short(-90), "unauthenticated: the token has expired");
  assert((await short(90)).startsWith("unauthenticated: the token is not in force yet"));
});

Deno.test("a token that was let in ends with its time", async () => {
  const { authenticate, time } = await anAuth();
  const token = await signedToken(KEY, { exp: nowSeconds() + 600 });
  assertEquals(await said(authenticate(token)), ID);
  time.ms = 659_000;
  assertEquals(await said(authenticate(token)), ID);
  time.ms = 661_000;
  assertEquals(await said(authenticate(token)), "unauthenticated: the token has expired");
});

Deno.test("a token that comes too early is good when its time has come", async () => {
  const { authenticate, time } = await anAuth();
  const token = await signedToken(KEY, { nbf: nowSeconds() + 120 });
  assert((await said(authenticate(token))).includes("not in force yet"));
  time.ms = 61_000;
  assertEquals(await said(authenticate(token)), ID);
});

Deno.test("a token is good again when a clock that was ahead is right again", async () => {
  const { authenticate, time } = await anAuth();
  const [seen, unseen] = [await signedToken(KEY), await signedToken(KEY, { jti: "unseen" })];
  assertEquals(await said(authenticate(seen)), ID);
  time.ms = 3_600_000;
  for (const token of [seen, unseen]) {
    assertEquals(await said(authenticate(token)), "unauthenticated: the token has expired");
  }
  time.ms = 0;
  for (const token of [seen, unseen]) assertEquals(await said(authenticate(token)), ID);
  time.ms = -3_600_000;
  for (const token of [seen, unseen]) {
    assert((await said(authenticate(token))).includes("not in force yet"));
  }
});

Deno.test("a token has one text", async () => {
  const { authenticate } = await anAuth();
  const right = await signedToken(KEY);
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const texts = [...letters].map((last) => right.slice(0, -1) + last);
  const answers = await Promise.all(texts.map((text) => said(authenticate(text))));
  const good = texts.filter((_, index) => answers[index] === ID);
  assertEquals([good, new Set(answers).size], [[right], 2]);
});
