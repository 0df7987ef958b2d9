/** Streams give back what they hold, however they end and whenever their clients leave. */
import { assertEquals, assertRejects } from "@std/assert";
import { callTRPCProcedure, TRPCError } from "@trpc/server";
import { refuse } from "../../../../client/contract/refusal.ts";
import { Refused } from "../../../../client/contract/refused.ts";
import { Streams } from "../../../../server/front/connections/streams.ts";
import { ConnectionCredential } from "../../../../server/front/keys/connection_credential.ts";
import type { Context, Principal } from "../../../../server/router/context.ts";
import { appRouter } from "../../../../server/router/mod.ts";
import { LastingStream } from "../../../../server/router/tokens/lasting_stream.ts";

const LIVES = { isOver: false };

/** The values of a stream, and how often its end was called. */
function aStream(values: () => AsyncGenerator<number>, life = LIVES) {
  const ended = { count: 0 };
  return { stream: new LastingStream(values(), life, () => ended.count++), ended };
}

async function* oneAndTwo(): AsyncGenerator<number> {
  yield 1;
  yield 2;
}

Deno.test("a stream gives back what it holds at its end, and no sooner", async () => {
  const { stream, ended } = aStream(oneAndTwo);
  const seen: (readonly [number, number])[] = [];
  for await (const value of stream) seen.push([value, ended.count]);
  assertEquals([seen, ended.count], [[[1, 0], [2, 0]], 1]);
});

Deno.test("a stream whose token has ended says so at its end", async () => {
  const { stream, ended } = aStream(oneAndTwo, { isOver: true });
  assertEquals([await stream.next(), await stream.next()].map(({ value }) => value), [1, 2]);
  const error = await assertRejects(() => stream.next(), TRPCError, "the token has expired");
  assertEquals([error.code, ended.count > 0], ["UNAUTHORIZED", true]);
});

Deno.test("a stream that fails gives back what it holds, and its refusal is one of the contract", async () => {
  const { stream, ended } = aStream(async function* () {
    yield 1;
    throw new Refused(refuse("forbidden", "not this one"));
  });
  await stream.next();
  const error = await assertRejects(() => stream.next(), TRPCError, "not this one");
  assertEquals([error.code, ended.count], ["FORBIDDEN", 1]);
});

Deno.test("a stream that is given up gives back what it holds, begun or not", async () => {
  for (const isBegun of [true, false]) {
    const { stream, ended } = aStream(oneAndTwo);
    if (isBegun) await stream.next();
    await stream.return();
    assertEquals([ended.count, (await stream.next()).done], [1, true]);
  }
});

/** A connection with a token of `dashboard.live`, whose check ends when the test says so. */
function aConnection() {
  const streams = new Streams(1, 1);
  const credential = new ConnectionCredential("token");
  const { promise: checked, resolve } = Promise.withResolvers<Principal>();
  const endsAt = Date.now() + 3_600_000;
  const principal: Principal = {
    keyId: "key",
    name: "a test",
    scopes: new Set(["dashboard:read"]),
    storeIds: null,
    currencies: null,
    token: { procedures: new Set(["dashboard.live"]), expiresAt: endsAt, endsAt },
  };
  const context = {
    services: { auth: { authenticate: () => checked } },
    token: "token",
    identified: null,
    connection: { streams: streams.ofConnection(), credential },
  };
  const subscribe = async (signal: AbortSignal) =>
    await callTRPCProcedure({
      router: appRouter,
      path: "dashboard.live",
      getRawInput: () => Promise.resolve({}),
      ctx: context as unknown as Context,
      type: "subscription",
      signal,
      batchIndex: 0,
    }) as AsyncIterable<unknown>;
  /** The places and listeners that are held for streams. */
  const held = () => {
    try {
      streams.ofConnection().open("key")[Symbol.dispose]();
      return ["none", credential.onRenewed.size];
    } catch (error) {
      return [error instanceof Refused ? error.reason : error, credential.onRenewed.size];
    }
  };
  return { subscribe, held, check: () => resolve(principal) };
}

Deno.test("nothing is held for a client that leaves while its key is looked up", async () => {
  const { subscribe, held, check } = aConnection();
  const gone = new AbortController();
  const subscribed = subscribe(gone.signal);
  gone.abort();
  check();
  await subscribed;
  assertEquals(held(), ["none", 0]);
});

Deno.test("nothing is held for a stream that is given up before it was begun", async () => {
  const { subscribe, held, check } = aConnection();
  check();
  const stream = await subscribe(new AbortController().signal);
  assertEquals(held(), ["rate_limited", 1]);
  await stream[Symbol.asyncIterator]().return?.();
  assertEquals(held(), ["none", 0]);
});
