/**
 * The rights of a caller beyond its scopes: procedures, stores and currencies.
 *
 * Tested in tests/server/router/key_limits_test.ts and authorisation_test.ts.
 */
import type { PlaceOrder } from "../../client/contract/order.ts";
import { type Refusal, refuse } from "../../client/contract/refusal.ts";
import { Refused } from "../../client/contract/refused.ts";
import type { Principal } from "./context.ts";

/** Patches are the same figures as the frames, so a token for the frames is one for both. */
const [FRAMES, PATCHES] = ["dashboard.live", "dashboard.livePatches"];

/** @throws Refused when the caller has a token that is not for this procedure. */
export function assertProcedure({ token }: Principal, path: string): void {
  if (token === null || token.procedures.has(path)) return;
  if (path === PATCHES && token.procedures.has(FRAMES)) return;
  throw new Refused(refuse("forbidden", `this token is not for ${path}`));
}

/** @throws Refused when the caller is for another store. */
export function assertStore(principal: Principal, storeId: string): void {
  if (principal.storeIds?.has(storeId) === false) throw new Refused(otherStore(principal));
}

/** @throws Refused when the caller is not for all stores. */
export function assertAllStores(principal: Principal): void {
  if (principal.storeIds !== null) throw new Refused(otherStore(principal));
}

/** Null when the caller may place this order, else the refusal. */
export function orderForbidden(
  principal: Principal,
  { storeId, currency }: Pick<PlaceOrder, "storeId" | "currency">,
): Refusal | null {
  if (principal.storeIds?.has(storeId) === false) return otherStore(principal);
  return principal.currencies?.has(currency) === false ? OTHER_CURRENCY : null;
}

function otherStore({ token }: Principal): Refusal {
  return token === null ? KEY_OF_OTHER_STORE : TOKEN_OF_OTHER_STORE;
}

const KEY_OF_OTHER_STORE = refuse("forbidden", "this key is for another store");
const TOKEN_OF_OTHER_STORE = refuse("forbidden", "this token is for another store");
const OTHER_CURRENCY = refuse("forbidden", "this key is for another currency");
