/**
 * `whoami`: the key or the token of the call, so that a program or a page knows what to ask for with
 * it.
 *
 * Tested in tests/server/router/whoami_test.ts.
 */
import { SCOPES, type Whoami } from "../../client/contract/scope.ts";
import { procedureForAnyKey } from "./procedures.ts";

export const whoami = procedureForAnyKey.query(({ ctx }): Whoami => {
  const { name, scopes, storeIds, currencies, token } = ctx.principal;
  const stores = storeIds && [...storeIds];
  return {
    name,
    scopes: SCOPES.filter((scope) => scopes.has(scope)),
    storeId: stores?.length === 1 ? stores[0]! : null,
    stores,
    currencies: currencies && [...currencies],
    procedures: token && [...token.procedures],
    expiresAt: token && new Date(token.expiresAt).toISOString(),
  };
});
