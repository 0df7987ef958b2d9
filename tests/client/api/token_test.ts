/** The token of a client: a key, or a function that brings one. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Token } from "../../../client/api/token.ts";

/** A token of the form of a JWT that lives so many seconds from `bornAt`, Unix milliseconds. */
function jwt(seconds: number, bornAt = Date.now()): string {
  const iat = bornAt / 1_000;
  const claims = JSON.stringify({ iat, exp: iat + seconds, name: "grüße", at: made++ });
  const part = new TextEncoder().encode(claims).toBase64({ alphabet: "base64url" });
  return `e30.${part.replaceAll("=", "")}.c2ln`;
}
let made = 0;

Deno.test("a key is trimmed, and a missing one is refused where the client is made", async () => {
  assertEquals(await new Token(" weir_1 \n").current(), "weir_1");
  for (const source of ["", " \n"]) assertThrows(() => new Token(source), TypeError);
  assertEquals([new Token("weir_1").refused("weir_1"), new Token("weir_1").renewInMs], [
    false,
    null,
  ]);
});

Deno.test("a function is asked once for all who wait, and again after a refusal of its token", async () => {
  let asked = 0;
  const token = new Token(() => Promise.resolve(`token-${++asked}`));
  assertEquals(await Promise.all([token.current(), token.current()]), ["token-1", "token-1"]);
  assertEquals(token.refused("token-1"), true);
  assertEquals(await token.current(), "token-2");
  // A call that began before speaks of the token before.
  assertEquals(token.refused("token-1"), true);
  assertEquals(await token.current(), "token-2");
  assertEquals(token.refused(null), true);
  assertEquals(await token.current(), "token-3");
});

Deno.test("a token serves until its end while the next one is brought beside", async () => {
  // Nine tenths of its life are over.
  const brought = [jwt(100, Date.now() - 90_000), jwt(600), "none left"];
  const [old, next] = brought;
  const token = new Token(() => brought.shift()!);
  assertEquals([await token.current(), await token.current()], [old, old]);
  assertEquals(await token.fresh(), next);
  assertEquals([await token.current(), await token.fresh(), brought.length], [next, next, 1]);
  const inMs = token.renewInMs ?? 0;
  assertEquals(inMs > 535_000 && inMs <= 540_000, true, `a minute before its end, in ${inMs} ms`);
});

Deno.test("a token whose end is over is not used, and a failing function is told", async () => {
  const brought = [jwt(0.001, Date.now() - 1)];
  const token = new Token(() => brought.shift() ?? Promise.reject(new RangeError("closed")));
  await token.current();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await assertRejects(() => token.current(), RangeError, "closed");
});

Deno.test("a function that fails near the end of a token is not asked at each call", async () => {
  const old = jwt(100, Date.now() - 90_000);
  let asked = 0;
  const token = new Token(() => ++asked === 1 ? old : Promise.reject(new RangeError("closed")));
  for (let calls = 0; calls < 5; calls++) {
    assertEquals(await token.current(), old);
    await new Promise((resolve) => setTimeout(resolve));
  }
  assertEquals(asked, 2);
  await assertRejects(() => token.fresh(), RangeError, "closed");
});

Deno.test("a clock that is hours off changes nothing: the length of the token's life counts", async () => {
  for (const hours of [-5, 5]) {
    let asked = 0;
    const token = new Token(() => jwt(600, Date.now() + hours * 3_600_000 + 0 * asked++));
    for (let calls = 0; calls < 20; calls++) await token.current();
    assertEquals(asked, 1, `${hours} hours`);
    const inMs = token.renewInMs ?? 0;
    assertEquals(inMs > 535_000 && inMs <= 540_000, true, `renewed in ${inMs} ms`);
  }
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
