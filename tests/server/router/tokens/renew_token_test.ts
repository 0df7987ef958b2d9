/** Streams and connections of browser tokens: their end, and `renewToken`. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { SCOPES } from "../../../../client/contract/scope.ts";
import {
  type Claims,
  nowSeconds,
  signedToken,
  withClaims,
} from "../../../support/access/tokens.ts";
import { EventStream } from "../../../support/load/event_stream.ts";
import { anInput } from "../../../support/load/orders.ts";
import { callHttp, RawSocket, type SocketMessage } from "../../../support/load/raw_calls.ts";
import { expectError } from "../../../support/load/refusals.ts";
import { type InstanceTest, KEY, withInstance } from "../../../support/services/instance.ts";

const STORE = { storeId: "store-1" };
const PROCEDURES = ["dashboard.live", "orders.list"];

/** Claims of a token that is refused from about three seconds on: a minute is tolerated. */
const ending = (claims: Claims = {}): Claims => ({
  iat: nowSeconds() - 100,
  exp: nowSeconds() - 57,
  procedures: PROCEDURES,
  ...claims,
});
const lasting = (claims: Claims = {}): Claims => ({ procedures: PROCEDURES, ...claims });

/** Begins a stream of a store and waits for its first frame. @returns its id */
async function follow(socket: RawSocket, input: object = STORE): Promise<number> {
  const id = socket.subscribe("dashboard.live", input);
  await socket.next((message) => message.id === id && message.result?.data !== undefined);
  return id;
}

/** The first error of a call or a stream. */
function errorOf(socket: RawSocket, id: number): Promise<SocketMessage> {
  return socket.next((message) => message.id === id && message.error !== undefined);
}

function messageOf({ error }: SocketMessage): string {
  return (error as { message: string }).message;
}

function renew(socket: RawSocket, token: string): Promise<SocketMessage> {
  return socket.call("mutation", "renewToken", { token });
}

/** Places an order of the store and waits for a frame of the stream that has it. */
async function seesOrder({ api }: InstanceTest, socket: RawSocket, id: number): Promise<void> {
  const { version } = await api.dashboard.snapshot.query(STORE);
  await api.orders.place.mutate(anInput(STORE));
  await socket.next((message) => {
    const frame = message.result?.data as { data?: { version: number } } | undefined;
    return message.id === id && (frame?.data?.version ?? 0) > version;
  });
}

Deno.test("a stream over WebSocket ends with its token, and so does every call after it", () =>
  withInstance(async ({ url, createKey }) => {
    const key = await createKey(SCOPES);
    const socket = await RawSocket.open(url, await signedToken(key.token, ending()));
    const id = await follow(socket);
    const ended = await errorOf(socket, id);
    expectError(ended.error, "unauthenticated");
    assertEquals(messageOf(ended), "the token has expired");
    const call = await socket.call("query", "orders.list", STORE);
    expectError(call.error, "unauthenticated");
    const again = socket.subscribe("dashboard.live", STORE);
    expectError((await errorOf(socket, again)).error, "unauthenticated");
    assertEquals(socket.closed, false);
    await socket.close();
  }));

Deno.test("a stream of server-sent events ends with its token", () =>
  withInstance(async ({ url, createKey }) => {
    const key = await createKey(SCOPES);
    const token = await signedToken(key.token, ending());
    const stream = await EventStream.open(url, "dashboard.live", { input: STORE, token });
    let event = await stream.next();
    let frames = 0;
    for (; event !== null && event.event !== "serialized-error"; event = await stream.next()) {
      if (event.event === "") frames++;
    }
    assertGreater(frames, 0);
    expectError(event?.data, "unauthenticated");
    assertEquals((event?.data as { message: string }).message, "the token has expired");
    await stream.close();
  }));

Deno.test("a stream goes on past the end of its first token when the connection has another one", () =>
  withInstance(async (instance) => {
    const key = await instance.createKey(SCOPES);
    const first = await signedToken(key.token, ending());
    const [renewed, left] = [
      await RawSocket.open(instance.url, first),
      await RawSocket.open(instance.url, first),
    ];
    const [id, leftId] = [await follow(renewed), await follow(left)];
    const exp = nowSeconds() + 500;
    const { result } = await renew(renewed, await signedToken(key.token, lasting({ exp })));
    assertEquals(result?.data, { expiresAt: new Date(exp * 1_000).toISOString() });
    await errorOf(left, leftId); // the first token has ended
    await seesOrder(instance, renewed, id);
    const list = await renewed.call("query", "orders.list", STORE);
    assertEquals(list.error, undefined);
    await renewed.close();
    await left.close();
  }));

Deno.test("a renewed token that ends sooner ends the stream sooner", () =>
  withInstance(async ({ url, createKey }) => {
    const key = await createKey(SCOPES);
    const socket = await RawSocket.open(url, await signedToken(key.token, lasting()));
    const id = await follow(socket);
    assertEquals((await renew(socket, await signedToken(key.token, ending()))).error, undefined);
    expectError((await errorOf(socket, id)).error, "unauthenticated");
    await socket.close();
  }));

Deno.test("a stream has the rights of the renewed token from its next frame on", () =>
  withInstance(async ({ url, api, createKey }) => {
    const key = await createKey(SCOPES);
    const narrower: readonly (readonly [Claims, string])[] = [
      [{ storeId: "store-2" }, "this token is for another store"],
      [{ procedures: ["orders.list"] }, "this token is not for dashboard.live"],
    ];
    for (const [claims, sentence] of narrower) {
      const socket = await RawSocket.open(url, await signedToken(key.token, lasting()));
      const id = await follow(socket);
      const next = await signedToken(key.token, lasting(claims));
      assertEquals((await renew(socket, next)).error, undefined);
      await api.orders.place.mutate(anInput(STORE));
      const refused = await errorOf(socket, id);
      expectError(refused.error, "forbidden");
      assertEquals(messageOf(refused), sentence);
      await socket.close();
    }
  }));

Deno.test("a token that cannot take the place of another one is refused, and the other one stays", () =>
  withInstance(async ({ url, createKey, revokeKey }) => {
    const [key, other, revoked] = [
      await createKey(SCOPES),
      await createKey(SCOPES),
      await createKey(SCOPES),
    ];
    await revokeKey(revoked.keyId);
    const exp = nowSeconds() + 400;
    const first = await signedToken(key.token, lasting({ exp }));
    const socket = await RawSocket.open(url, first);
    const refused: readonly (readonly [token: string, why: RegExp])[] = [
      [await signedToken(other.token), /^token: it is signed with another API key/],
      [await signedToken(revoked.token), /^token: it is signed with another API key/],
      [key.token, /^token: it is no browser token$/],
      [await signedToken(key.token, { exp: nowSeconds() - 100 }), /^token: the token has expired$/],
      [withClaims(first, { jti: "forged" }), /^token: the token is wrong, or its API key/],
      ["nonsense", /^token: it is no browser token$/],
      ["a.b.c", /^token: it is no browser token$/],
    ];
    for (const [token, why] of refused) {
      const answer = await renew(socket, token);
      expectError(answer.error, "invalid_input");
      assert(why.test(messageOf(answer)), messageOf(answer));
    }
    const { result } = await socket.call("query", "whoami", undefined);
    const { expiresAt } = result?.data as { expiresAt: string };
    assertEquals(expiresAt, new Date(exp * 1_000).toISOString());
    await socket.close();
  }));

Deno.test("nothing is renewed over HTTP, nor on a connection with an API key", () =>
  withInstance(async ({ url, createKey }) => {
    const key = await createKey(SCOPES);
    const token = await signedToken(key.token);
    const { body, status } = await callHttp(url, "mutation", "renewToken", { token }, token);
    assertEquals(status, 400);
    const { error } = body as SocketMessage;
    expectError(error, "invalid_input");
    assert(messageOf({ error }).startsWith("there is nothing to renew over HTTP"));
    const socket = await RawSocket.open(url, KEY);
    const answer = await renew(socket, token);
    expectError(answer.error, "invalid_input");
    assert(messageOf(answer).endsWith("with an API key, which does not expire"));
    await socket.close();
  }));

Deno.test("a stream ends when the key of its token is revoked", () =>
  withInstance(async ({ url, createKey, revokeKey }) => {
    const key = await createKey(SCOPES);
    const socket = await RawSocket.open(url, await signedToken(key.token, lasting()));
    const id = await follow(socket);
    await revokeKey(key.keyId);
    const api = await RawSocket.open(url, KEY);
    const placing = setInterval(() =>
      api.send({
        id: 1,
        method: "mutation",
        params: { path: "orders.place", input: anInput(STORE) },
      }), 200);
    try {
      expectError((await errorOf(socket, id)).error, "unauthenticated");
    } finally {
      clearInterval(placing);
    }
    await api.close();
    await socket.close();
  }));
