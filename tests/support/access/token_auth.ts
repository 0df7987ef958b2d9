/** An authentication whose database knows one key, for tests of the tokens that it signs. */
import { Refused } from "../../../client/contract/refused.ts";
import { signingKeyOf } from "../../../client/contract/tokens/signing_key.ts";
import { createAuth } from "../../../server/front/keys/auth.ts";
import type { Principal } from "../../../server/router/context.ts";
import { type KeyInForce, textOfId } from "../../../sql/api_keys.ts";

export const ID = "0123456789abcdef";
export const KEY = `weir_${ID}_${"s".repeat(43)}`;
/** The development key. */
export const DEV_KEY = "dev-key-for-tests-of-browser-tokens";
export const OTHER_KEY = `weir_fedcba9876543210_${"t".repeat(43)}`;
/** The sentence of every token that its key has not signed. */
export const WRONG = "the token is wrong, or its API key is revoked";

const IN_FORCE: Omit<KeyInForce, "tokenKey"> = {
  keyId: ID,
  label: "till",
  scopes: ["dashboard:read", "orders:read"],
  storeIds: null,
  currencies: ["EUR"],
  createdAt: "",
  revokedAt: null,
};

/** An auth whose database knows `KEY` alone. */
export async function anAuth(limits: Partial<KeyInForce> = {}, devKey = DEV_KEY) {
  const tokenKey = (await signingKeyOf(KEY))!.publicKey;
  const found: KeyInForce = { ...IN_FORCE, tokenKey, ...limits };
  const time = { ms: 0, wall: () => Date.now() + time.ms };
  const database = {
    reads: [] as string[],
    find: (texts: readonly string[]): Promise<(KeyInForce | null)[]> => {
      database.reads.push(...texts);
      return Promise.resolve(
        texts.map((text) => text === KEY || text === textOfId(ID) ? found : null),
      );
    },
  };
  const turns: string[] = [];
  const pace = (name: string) => ({ turn: () => Promise.resolve(void turns.push(name)) });
  const { authenticate, keyIdOfToken } = createAuth({
    devKey,
    tokenMaxSeconds: 3_600,
    paces: { former: pace("former"), stranger: pace("stranger") },
    now: () => time.ms,
    wallClock: time.wall,
    findKnown: (texts) => database.find(texts),
    findUnknown: (texts) => database.find(texts),
    onLookUp: () => undefined,
  });
  return { authenticate, keyIdOfToken, database, time, turns };
}

/** The reason and the sentence of a refusal; the id of the key where there is none. */
export async function said(answer: Promise<Principal>): Promise<string> {
  try {
    return (await answer).keyId;
  } catch (error) {
    if (error instanceof Refused) return `${error.reason}: ${error.message}`;
    throw error;
  }
}
