/** Browser tokens as a backend makes them, and the key that they are signed with. */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, hkdfSync } from "node:crypto";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { signingKeyOf } from "../../client/contract/tokens/signing_key.ts";
import { type BrowserTokenOptions, createBrowserToken } from "../../client/tokens.ts";

const KEY = `weir_0123456789abcdef_${"s".repeat(43)}`;
const OPTIONS: BrowserTokenOptions = {
  key: KEY,
  procedures: ["dashboard.live"],
  expiresInSeconds: 600,
};

/** The public key of a secret, by the steps of the contract and without WebCrypto. */
function publicKeyOf(secret: string): string | undefined {
  const seed = hkdfSync("sha256", secret, "", "weir browser token v1", 32);
  const head = Buffer.from("302e020100300506032b657004220420", "hex");
  const key = createPrivateKey({
    key: Buffer.concat([head, Buffer.from(seed)]),
    format: "der",
    type: "pkcs8",
  });
  return createPublicKey(key).export({ format: "jwk" }).x;
}

Deno.test("the key of a token is derived from the secret as the contract says", async () => {
  const { keyId, publicKey } = (await signingKeyOf(KEY))!;
  assertEquals(keyId, "0123456789abcdef");
  assertEquals(Buffer.from(publicKey).toString("base64url"), publicKeyOf("s".repeat(43)));
  const other = await signingKeyOf(KEY.replace(/s$/, "t"));
  assert(other !== null && !Buffer.from(other.publicKey).equals(publicKey));
});

Deno.test("a long development key can sign, and a short one or a spoilt API key cannot", async () => {
  const kids = async (key: string) => (await signingKeyOf(key))?.keyId ?? null;
  assertEquals(await kids(`weir_dev_${"s".repeat(43)}`), "dev");
  const long = "0123456789-a-key-for-development";
  assertEquals([long.length, await kids(long), await kids(crypto.randomUUID())], [
    32,
    "dev",
    "dev",
  ]);
  const spoilt = [
    ...[KEY.slice(0, -1), `${KEY}s`, KEY.toUpperCase(), "weir_", "short", ""],
    ...[long.slice(1), `${long} ${long}`, `"${long}"`, `'${long}'`, `\`${long}\``, `${long}\u0000`],
    ...[
      `"${KEY}"`,
      `Bearer ${KEY}`,
      `Bearer:${KEY}`,
      `WEIR_KEY=${KEY}`,
      "undefined",
      "[object Object]",
    ],
  ];
  assertEquals(await Promise.all(spoilt.map(kids)), spoilt.map(() => null));
});

Deno.test("createBrowserToken() makes a token with the claims of its options, signed by the key", async () => {
  const before = Math.floor(Date.now() / 1_000);
  const { token, expiresAt } = await createBrowserToken({
    ...OPTIONS,
    key: ` ${KEY}\n`,
    procedures: ["dashboard.live", "whoami", "dashboard.live"],
    storeId: "berlin",
    name: "the shop's page",
  });
  assertEquals(decodeProtectedHeader(token), {
    alg: "EdDSA",
    typ: "weir+jwt",
    kid: "0123456789abcdef",
  });
  const { iat = 0, exp = 0, jti = "", ...claims } = decodeJwt(token);
  assertEquals(claims, {
    aud: "weir",
    procedures: ["dashboard.live", "whoami"],
    storeId: "berlin",
    name: "the shop's page",
  });
  assert(iat >= before && iat <= Date.now() / 1_000 && jti.length === 36);
  assertEquals([exp - iat, expiresAt], [600, new Date(exp * 1_000).toISOString()]);
  const { publicKey } = (await signingKeyOf(KEY))!;
  await jwtVerify(
    token,
    await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]),
  );
  const { name, storeId } = decodeJwt((await createBrowserToken(OPTIONS)).token);
  assertEquals([name, storeId], [undefined, undefined]);
});

Deno.test("createBrowserToken() refuses wrong options with the name of one, and never shows the key", async () => {
  const wrong: readonly (readonly [name: string, options: Readonly<Record<string, unknown>>])[] = [
    ["key", { key: undefined }],
    ["key", { key: KEY.slice(0, -1) }],
    ["key", { key: "" }],
    ["key", { key: `"${KEY}"` }],
    ["key", { key: `Bearer ${KEY}` }],
    ["key", { key: "undefined" }],
    ["key", { key: "a-key-of-31-characters-is-short" }],
    ["procedures", { procedures: [] }],
    ["procedures", { procedures: [""] }],
    ["procedures", { procedures: "dashboard.live" }],
    ["procedures", { procedures: undefined }],
    ["storeId", { storeId: "No Store" }],
    ["storeId", { storeId: "" }],
    ["storeId", { storeId: null }],
    ["storeId", { storeId: ["berlin"] }],
    ["name", { name: "" }],
    ["name", { name: "x".repeat(129) }],
    ["expiresInSeconds", { expiresInSeconds: 0 }],
    ["expiresInSeconds", { expiresInSeconds: 1.5 }],
    ["expiresInSeconds", { expiresInSeconds: "600" }],
    ["expiresInSeconds", { expiresInSeconds: Infinity }],
  ];
  for (const [name, options] of wrong) {
    const given = { ...OPTIONS, ...options } as BrowserTokenOptions;
    const error = await assertRejects(
      () => createBrowserToken(given),
      TypeError,
      `option ${name} `,
    );
    assert(!error.message.includes("sss"), error.message);
  }
});
