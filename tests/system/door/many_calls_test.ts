/** Very many calls in one request or one message, again and again, with a good key and without. */
import { assert, assertMatch } from "@std/assert";
import { type Attack, withAttack } from "../../support/attacks/attack.ts";
import { authorization, RawSocket, request } from "../../support/load/raw_calls.ts";

const CALLS_OF_URL = 28_000;
const CALLS_OF_MESSAGE = 20_000;

async function askMany({ url }: Attack, headers: Record<string, string>): Promise<void> {
  const paths = Array(CALLS_OF_URL).fill("x").join(",");
  const { status, text } = await request(`${url}/trpc/${paths}?batch=1`, { headers });
  assert(status < 500, text.slice(0, 200));
}

async function sendMany({ url }: Attack, token: string | null): Promise<void> {
  const socket = await RawSocket.open(url, token);
  const calls = Array.from({ length: CALLS_OF_MESSAGE }, (_, id) => ({
    id,
    method: "query",
    params: { path: "x" },
  }));
  socket.send(calls);
  await socket.ended();
}

Deno.test("28,000 calls in one URL, again and again, slow nobody else down", () =>
  withAttack(async (attack) => {
    await attack.run(
      "calls in a URL, no key",
      ({ repeat }) => repeat(1, () => askMany(attack, {})),
    );
    const headers = authorization(attack.token);
    await attack.run(
      "calls in a URL, with a key",
      ({ repeat }) => repeat(1, () => askMany(attack, headers)),
    );
  }));

Deno.test("20,000 calls in one message, again and again, slow nobody else down", () =>
  withAttack(async (attack) => {
    for (const token of [null, attack.token]) {
      await attack.run(
        `calls in a message, ${token === null ? "no key" : "with a key"}`,
        ({ repeat }) => repeat(1, () => sendMany(attack, token)),
      );
    }
  }));

Deno.test("more calls than a batch may have are refused in words", () =>
  withAttack(async ({ url, token }) => {
    const paths = Array(201).fill("whoami").join(",");
    const { status, text } = await request(`${url}/trpc/${paths}?batch=1`, {
      headers: authorization(token),
    });
    assertMatch(`${status} ${text}`, /^400 .*at most 200 calls.*invalid_input/);
    const socket = await RawSocket.open(url, token);
    socket.send(Array.from({ length: 201 }, (_, id) => ({
      id,
      method: "query",
      params: { path: "whoami" },
    })));
    const { error } = await socket.next(({ id }) => id === 200);
    assertMatch(JSON.stringify(error), /at most 200 calls.*invalid_input/);
    await socket.close();
  }));
