/**
 * The base of every procedure: authentication before anything is parsed, scopes, stores, and the
 * shape of errors.
 *
 * Tested in tests/server/router/errors_test.ts and tests/server/front/keys/auth_test.ts.
 */
import { initTRPC } from "@trpc/server";
import type { PlaceOrder } from "../../client/contract/order.ts";
import { type Refusal, refuse } from "../../client/contract/refusal.ts";
import type { Scope } from "../../client/contract/scope.ts";
import { Refused } from "../../client/contract/refused.ts";
import type { Context, Principal } from "./context.ts";
import { detailsOf, refusedCall } from "./errors.ts";

const t = initTRPC.context<Context>().create({
  isDev: false, // a stack trace never leaves the server, whatever NODE_ENV says
  errorFormatter: ({ shape, error }) => {
    const { message, details } = detailsOf(error);
    return { ...shape, message, data: { ...shape.data, ...details } };
  },
});

export const router = t.router;

/** Turns a `Refused` into tRPC's error, thrown by a call or by a subscription while it runs. */
const translating = t.procedure.use(async ({ next, type }) => {
  const result = await next();
  if (!result.ok) {
    if (result.error.cause instanceof Refused) throw refusedCall(result.error.cause);
    return result;
  }
  if (type !== "subscription") return result;
  return { ...result, data: translated(result.data as AsyncIterable<unknown>) };
});

/** The same stream, its refusals translated. */
function translated<T>(stream: AsyncIterable<T>): AsyncIterable<T> {
  const rethrow = (error: unknown): never => {
    throw error instanceof Refused ? refusedCall(error) : error;
  };
  return {
    [Symbol.asyncIterator]: () => {
      const frames = stream[Symbol.asyncIterator]();
      return {
        next: () => frames.next().catch(rethrow),
        return: async () => await frames.return?.() ?? { done: true, value: undefined },
      };
    },
  };
}

/** A procedure for every valid key; `ctx.principal` is the caller. */
export const procedureForAnyKey = translating.use(async ({ ctx, next }) =>
  next({ ctx: { principal: await ctx.services.auth.authenticate(ctx.token) } })
);

/** A procedure for keys with `scope`; `ctx.principal` is the caller. */
export function procedureFor(scope: Scope) {
  return translating.use(async ({ ctx, next, type, signal }) => {
    const authenticate = async () => {
      const principal = await ctx.services.auth.authenticate(ctx.token);
      if (principal.scopes.has(scope)) return principal;
      throw new Refused(refuse("forbidden", `this needs a key with the scope ${scope}`));
    };
    /** For streams: a key may be revoked while they run. */
    const assertStillAllowed = async () => void await authenticate();
    const principal = await authenticate();
    if (type === "subscription") countStream(ctx.streams.open(principal.keyId), signal);
    return next({ ctx: { principal, assertStillAllowed } });
  });
}

/** Counts a stream until it ends. tRPC aborts the signal of each when it ends, however it ends. */
function countStream(stream: Disposable, signal: AbortSignal | undefined): void {
  const end = () => stream[Symbol.dispose]();
  if (signal === undefined || signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
}

/** @throws Refused when the key is for another store. */
export function assertStore(principal: Principal, storeId: string): void {
  if (!mayUseStore(principal, storeId)) throw new Refused(OTHER_STORE);
}

/** True when the key is for this store or for all of them. */
function mayUseStore(principal: Principal, storeId: string): boolean {
  return principal.storeIds?.has(storeId) ?? true;
}

/** @throws Refused when the key is not for all stores. */
export function assertAllStores(principal: Principal): void {
  if (principal.storeIds !== null) throw new Refused(OTHER_STORE);
}

/** Null when the key may place this order, else the refusal. */
export function orderForbidden(
  { storeIds, currencies }: Principal,
  { storeId, currency }: Pick<PlaceOrder, "storeId" | "currency">,
): Refusal | null {
  if (storeIds?.has(storeId) === false) return OTHER_STORE;
  return currencies?.has(currency) === false ? OTHER_CURRENCY : null;
}

/** The refusal of a call on a store that the key is not for. */
const OTHER_STORE = refuse("forbidden", "this key is for another store");

/** The refusal of an order in a currency that the key is not for. */
const OTHER_CURRENCY = refuse("forbidden", "this key is for another currency");
