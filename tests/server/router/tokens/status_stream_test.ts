/** `ops.onStatus` sends nothing after the end of its caller's token, however long its turn takes. */
import { assertEquals, assertRejects } from "@std/assert";
import { callTRPCProcedure, TRPCError } from "@trpc/server";
import { refuse } from "../../../../client/contract/refusal.ts";
import { Refused } from "../../../../client/contract/refused.ts";
import type { Context, Principal } from "../../../../server/router/context.ts";
import { appRouter } from "../../../../server/router/mod.ts";

const CALLER: Principal = {
  keyId: "key",
  name: "a test",
  scopes: new Set(["ops"]),
  storeIds: null,
  currencies: null,
  token: null,
};

/** A stream whose client reads the first status when the test says so. */
async function aStream() {
  const turn = { asked: Promise.withResolvers<void>(), come: Promise.withResolvers<void>() };
  const auth = { authenticate: () => Promise.resolve(CALLER) };
  const slot = {
    turn: () => {
      turn.asked.resolve();
      return turn.come.promise;
    },
    sent: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
  async function* watch() {
    yield () => "a status";
  }
  const context = {
    services: { auth, statusBoard: { watch } },
    token: "token",
    identified: null,
    connection: {
      streams: { open: () => ({ [Symbol.dispose]: () => undefined }) },
      slots: { open: () => slot },
    },
  };
  const stream = await callTRPCProcedure({
    router: appRouter,
    path: "ops.onStatus",
    getRawInput: () => Promise.resolve(undefined),
    ctx: context as unknown as Context,
    type: "subscription",
    signal: undefined,
    batchIndex: 0,
  }) as AsyncIterable<unknown>;
  return { values: stream[Symbol.asyncIterator](), auth, turn };
}

Deno.test("a status is sent when its turn has come", async () => {
  const { values, turn } = await aStream();
  turn.come.resolve();
  assertEquals([(await values.next()).value, (await values.next()).done], ["a status", true]);
});

Deno.test("no status is sent when the token ends before its turn", async () => {
  const { values, auth, turn } = await aStream();
  const first = values.next();
  await turn.asked.promise;
  auth.authenticate = () => Promise.reject(new Refused(refuse("unauthenticated", "it has ended")));
  turn.come.resolve();
  await assertRejects(() => first, TRPCError, "it has ended");
});
