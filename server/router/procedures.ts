/**
 * The base of every procedure: authentication before anything is parsed, scopes, stores, and the
 * shape of errors.
 */
import { initTRPC } from "@trpc/server";
import { classify } from "../../sql/connection/failure.ts";
import { refuse } from "../../client/contract/refusal.ts";
import type { Scope } from "../../sql/api_keys.ts";
import type { Principal } from "../front/auth.ts";
import type { Context } from "./context.ts";
import { detailsOf, RefusedError } from "./errors.ts";

const t = initTRPC.context<Context>().create({
  isDev: false, // a stack trace never leaves the server, whatever NODE_ENV says
  errorFormatter: ({ shape, error }) => {
    const { message, details } = detailsOf(error);
    return { ...shape, message, data: { ...shape.data, ...details } };
  },
});

export const router = t.router;
export const mergeRouters = t.mergeRouters;

/** A procedure for keys with `scope`; `ctx.principal` is the caller. */
export function procedureFor(scope: Scope) {
  return t.procedure.use(async ({ ctx, next }) => {
    const authenticate = async () => {
      const principal = await ctx.services.auth.authenticate(ctx.token);
      if (principal.scopes.has(scope)) return principal;
      throw new RefusedError(refuse("forbidden", `this needs a key with the scope ${scope}`));
    };
    /** For streams: a key may be revoked while they run. */
    const assertStillAllowed = async () => void await authenticate();
    return next({ ctx: { principal: await authenticate(), assertStillAllowed } });
  });
}

/** @throws RefusedError when the key is for another store. */
export function assertStore(principal: Principal, storeId: string): void {
  if (!mayUseStore(principal, storeId)) throw new RefusedError(OTHER_STORE);
}

/** True when the key is for this store or for all of them. */
export function mayUseStore(principal: Principal, storeId: string): boolean {
  return principal.storeId === null || principal.storeId === storeId;
}

/** The refusal of a call on a store that the key is not for. */
export const OTHER_STORE = refuse("forbidden", "this key is for another store");

/** What a read of the database gives; a failure of the database is `unavailable`. */
export async function reading<T>(read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    const { code, kind } = classify(error);
    if (code === "UNKNOWN") throw error; // no failure of the database: a bug
    if (kind === "contention") throw new RefusedError(refuse("unavailable", "too busy", 1_000));
    throw new RefusedError(refuse("unavailable", "the database is away", 1_000));
  }
}
