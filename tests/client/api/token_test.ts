/** The token of a client: a key, or a function that brings one. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Token } from "../../../client/api/token.ts";

/** A token of the form of a JWT that ends at `expiresAt`, Unix milliseconds. */
function jwt(expiresAt: number): string {
  const claims = JSON.stringify({ exp: Math.floor(expiresAt / 1_000), name: "grüße" });
  const part = new TextEncoder().encode(claims).toBase64({ alphabet: "base64url" });
  return `e30.${part.replaceAll("=", "")}.c2ln`;
}

Deno.test("a key is trimmed, and a missing one is refused where the client is made", async () => {
  assertEquals(await new Token(" weir_1 \n").current(), "weir_1");
  for (const source of ["", " \n"]) assertThrows(() => new Token(source), TypeError);
  assertEquals(new Token("weir_1").refused("weir_1"), false);
});

Deno.test("a function is asked once for all who wait, and again after a refusal of its token", async () => {
  let asked = 0;
  const token = new Token(() => Promise.resolve(`token-${++asked}`));
  assertEquals(await Promise.all([token.current(), token.current()]), ["token-1", "token-1"]);
  assertEquals(token.refused("token-1"), true);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(await token.current(), "token-2");
  // A call that began before speaks of the token before.
  assertEquals(token.refused("token-1"), true);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(await token.current(), "token-2");
});

Deno.test("a token that is about to expire is brought anew before it is used", async () => {
  const brought = [jwt(Date.now() + 10_000), jwt(Date.now() + 600_000), "none left"];
  const token = new Token(() => brought.shift()!);
  const first = await token.current();
  const second = await token.current();
  assertEquals([first === second, await token.current()], [false, second]);
  const inMs = token.renewInMs ?? 0;
  assertEquals(inMs > 580_000 && inMs <= 585_000, true, `renewed in ${inMs} ms`);
  assertEquals(new Token(second).renewInMs, null, "nobody brings another one");
});

Deno.test("a function that fails is asked again by the next call", async () => {
  let asked = 0;
  const token = new Token(() => {
    if (++asked === 1) throw new RangeError("the shop is closed");
    return "token";
  });
  await assertRejects(() => token.current(), RangeError, "the shop is closed");
  assertEquals(await token.current(), "token");
  await assertRejects(() => new Token(() => "").current(), TypeError);
});
