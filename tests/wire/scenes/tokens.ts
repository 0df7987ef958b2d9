/** Browser tokens: right ones and refused ones, and their renewal. */
import { SCOPES } from "../../../client/contract/scope.ts";
import {
  type Claims,
  confusedToken,
  nowSeconds,
  signedToken,
  withClaims,
} from "../../support/access/tokens.ts";
import { scene } from "../scene.ts";
import type { Wire } from "../wire.ts";

const OF_STORE = { storeId: "store-3" };

export const tokens = scene("tokens", async (wire, { createKey, revokeKey, database: { sql } }) => {
  const [key, other, old] = [
    await createKey(SCOPES),
    await createKey(SCOPES),
    await createKey(SCOPES),
  ];
  const revoked = await createKey(SCOPES);
  await revokeKey(revoked.keyId);
  await sql`update api_keys set token_key = null where key_id = ${old.keyId}`;
  const named = (name: string, token: string) => {
    wire.name(token, `<${name}>`);
    return token;
  };
  const of = (claims: Claims) => signedToken(key.token, claims);
  const right = named("a token", await of({ ...OF_STORE, procedures: ["orders.list"] }));
  const plain = await of({ procedures: ["orders.list"], jti: "plain" });
  const next = named("another token", await of({ ...OF_STORE, name: "next" }));
  const now = nowSeconds();
  const refused: Readonly<Record<string, string>> = {
    "an expired token": await of({ iat: now - 900, exp: now - 300 }),
    "a token for another audience": await of({ aud: "shop" }),
    "a token that lives too long": await of({ iat: now, exp: now + 86_400 }),
    "a token that comes too early": await of({ nbf: now + 900 }),
    "a token with an unknown claim": await of({ store: "store-3" }),
    "a token with other claims": withClaims(plain, OF_STORE),
    "a token of an HMAC": await confusedToken(key.token),
    "a token of a revoked key": await signedToken(revoked.token),
    "a token of a key without tokens": await signedToken(old.token),
  };
  await playRight(wire, right);
  for (const [name, token] of Object.entries(refused)) {
    const options = { token: named(name, token) };
    await wire.query(`a list with ${name}`, "orders.list", OF_STORE, options);
    await wire.socket(`a list with ${name}, by WebSocket`, async (socket) => {
      await socket.ask(list(1));
      await socket.closedByServer();
    }, options);
  }
  const foreign = named("a token of another key", await signedToken(other.token));
  await playRenewal(wire, { right, next, foreign, expired: refused["an expired token"]! });
});

async function playRight(wire: Wire, token: string): Promise<void> {
  const options = { token };
  await wire.query("whoami with a token", "whoami", undefined, options);
  await wire.query("its procedure", "orders.list", OF_STORE, options);
  await wire.query("its procedure, another store", "orders.list", { storeId: "store-4" }, options);
  await wire.query("another procedure", "dashboard.snapshot", OF_STORE, options);
  await wire.stream("another stream", "dashboard.live", OF_STORE, async (events) => {
    for (let count = 0; count < 3; count++) await events.nextOrEnd();
  }, options);
}

async function playRenewal(
  wire: Wire,
  { right, next, foreign, expired }: Readonly<
    Record<"right" | "next" | "foreign" | "expired", string>
  >,
): Promise<void> {
  const options = { token: right };
  await wire.mutate("a renewal over HTTP", "renewToken", { token: next }, options);
  await wire.socket("renewals", async (socket) => {
    await socket.ask(list(1));
    await socket.ask(renewal(2, foreign));
    await socket.ask(renewal(3, expired));
    await socket.ask(renewal(4, ""));
    await socket.ask(list(5));
    await socket.ask(renewal(6, next));
    await socket.ask({ id: 7, method: "query", params: { path: "whoami" } });
    await socket.ask(list(8));
  }, options);
  await wire.socket("a renewal with an API key", async (socket) => {
    await socket.ask(renewal(1, next));
  });
}

function list(id: number) {
  return { id, method: "query", params: { path: "orders.list", input: OF_STORE } };
}

function renewal(id: number, token: string) {
  return { id, method: "mutation", params: { path: "renewToken", input: { token } } };
}
