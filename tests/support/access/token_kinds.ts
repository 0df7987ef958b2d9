/**
 * Kinds of browser tokens for the matrix of who may call what: right ones, limited ones, and ones that
 * open nothing.
 */
import { PROCEDURES } from "../../../client/contract/tokens/claims.ts";
import { SCOPES } from "../../../client/contract/scope.ts";
import type { InstanceTest } from "../services/instance.ts";
import type { Rights } from "./table.ts";
import {
  type Claims,
  confusedToken,
  nowSeconds,
  signedToken,
  unsignedToken,
  withClaims,
} from "./tokens.ts";

/** A kind of caller. */
export interface Kind {
  readonly name: string;
  /** A function makes a new one for each procedure: its time is short. */
  readonly token: string | null | (() => Promise<string>);
  readonly rights: Rights;
}

const ALL = { scopes: SCOPES, isForAllStores: true };
const procedures = [...PROCEDURES];

/** Tokens of new keys, of which one is revoked. */
export async function tokenKinds(
  { createKey, revokeKey }: Pick<InstanceTest, "createKey" | "revokeKey">,
): Promise<readonly Kind[]> {
  const [{ token: key }, { token: ownKey }, revoked] = await Promise.all([
    createKey(SCOPES),
    createKey(SCOPES, "own"),
    createKey(SCOPES),
  ]);
  const { token: reader } = await createKey(["orders:read"]);
  await revokeKey(revoked.keyId);
  const right = await signedToken(key, { procedures });
  const ofKey = (claims: Claims) => signedToken(key, { procedures, ...claims });
  const ofOwn = { scopes: SCOPES, isForAllStores: false };
  const allowed: readonly Kind[] = [
    { name: "a token for all", token: right, rights: ALL },
    {
      name: "a token for orders.list and dashboard.live",
      token: await ofKey({ procedures: ["orders.list", "dashboard.live"] }),
      rights: {
        ...ALL,
        procedures: ["orders.list", "dashboard.live", "dashboard.livePatches"],
      },
    },
    { name: "a token for its store", token: await ofKey({ storeId: "own" }), rights: ofOwn },
    {
      name: "a token for another store",
      token: await ofKey({ storeId: "other" }),
      rights: { ...ofOwn, itsStore: "other" },
    },
    {
      name: "a token for a store that its key is not for",
      token: await signedToken(ownKey, { procedures, storeId: "other" }),
      rights: { ...ofOwn, itsStore: null },
    },
    {
      name: "a token for more than the scopes of its key",
      token: await signedToken(reader, { procedures }),
      rights: { ...ALL, scopes: ["orders:read"] },
    },
    { name: "a token by a clock 60 s ahead", token: () => byClock(key, 58), rights: ALL },
    { name: "a token by a clock 60 s behind", token: () => byClock(key, -58), rights: ALL },
  ];
  return [...allowed, ...await wrongKinds(key, right, revoked.token)];
}

/** Tokens that open nothing. */
async function wrongKinds(key: string, right: string, revoked: string): Promise<readonly Kind[]> {
  const now = nowSeconds();
  const tokens: Readonly<Record<string, Kind["token"]>> = {
    "an expired token": await signedToken(key, { procedures, iat: now - 900, exp: now - 300 }),
    "a token for another audience": await signedToken(key, { procedures, aud: "shop" }),
    "a token of alg none": await unsignedToken(key, { procedures }),
    "a token of HS256 with the public key": await confusedToken(key, { procedures }, "HS256"),
    "a token of HS512 with the public key": await confusedToken(key, { procedures }, "HS512"),
    "a token of an HMAC that calls itself EdDSA": await confusedToken(key, {}, "EdDSA"),
    "a token of another type": await signedToken(key, { procedures }, { typ: "JWT" }),
    "a token that names no key": await signedToken(key, { procedures }, { kid: undefined }),
    "a token with the claims of another": withClaims(right, { procedures, storeId: "own" }),
    "a token of a revoked key": await signedToken(revoked, { procedures }),
    "a token by a clock 90 s ahead": () => byClock(key, 90),
    "a token by a clock 90 s behind": () => byClock(key, -90),
    "a token that lives too long": await signedToken(key, { procedures, exp: now + 86_400 }),
  };
  return Object.entries(tokens).map(([name, token]) => ({ name, token, rights: null }));
}

/** A token for twenty seconds from now, by a clock that is so many seconds ahead. */
function byClock(key: string, aheadSeconds: number): Promise<string> {
  const iat = nowSeconds() + aheadSeconds;
  return signedToken(key, { procedures, iat, nbf: iat, exp: iat + 20 });
}
