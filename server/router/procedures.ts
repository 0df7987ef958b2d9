/**
 * The base of every procedure: authentication before anything is parsed, scopes, stores, and the
 * shape of errors.
 *
 * Tested in tests/server/router/errors_test.ts and tests/server/front/keys/auth_test.ts.
 */
import { initTRPC, TRPCError } from "@trpc/server";
import type { output as ZodOutput, ZodType } from "zod";
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

/** The same stream, its refusals translated. */
function translated<T>(stream: AsyncIterable<T>): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]: () => {
      const frames = stream[Symbol.asyncIterator]();
      return {
        next: () =>
          frames.next().catch((error) => {
            throw error instanceof Refused ? refusedCall(error) : error;
          }),
        return: async () => await frames.return?.() ?? { done: true, value: undefined },
      };
    },
  };
}

/** The caller, asked for once: a refusal that is held back must not be held back twice. */
function identify(ctx: Context): Promise<Principal> {
  return ctx.identified ?? ctx.services.auth.authenticate(ctx.token);
}

/**
 * The result of a call, or its refusal as tRPC's error. One middleware does all that a procedure needs:
 * tRPC copies the whole call for each of them.
 */
async function translating<Result extends { readonly ok: boolean }>(
  call: () => Promise<Result>,
): Promise<Result> {
  try {
    const result = await call();
    const cause = result.ok ? null : (result as { error?: Error }).error?.cause;
    if (cause instanceof Refused) throw refusedCall(cause);
    return result;
  } catch (error) {
    throw error instanceof Refused ? refusedCall(error) : error;
  }
}

/** A procedure for every valid key; `ctx.principal` is the caller. */
export const procedureForAnyKey = t.procedure.use(({ ctx, next }) =>
  translating(async () => next({ ctx: { principal: await identify(ctx) } }))
);

/** The caller, if its key has `scope`. @throws Refused */
async function callerWith(scope: Scope, ctx: Context): Promise<Principal> {
  return withScope(scope, await identify(ctx));
}

function withScope(scope: Scope, principal: Principal): Principal {
  if (principal.scopes.has(scope)) return principal;
  throw new Refused(refuse("forbidden", `this needs a key with the scope ${scope}`));
}

/** A procedure for keys with `scope`; `ctx.principal` is the caller. */
export function procedureFor(scope: Scope) {
  return t.procedure.use(({ ctx, next, type, signal, getRawInput }) =>
    translating(async () => {
      /** For streams: a key may be revoked while they run. */
      const assertStillAllowed = async () =>
        void withScope(scope, await ctx.services.auth.authenticate(ctx.token));
      const principal = await callerWith(scope, ctx);
      const call = () => next({ ctx: { principal, assertStillAllowed, getRawInput } });
      if (type !== "subscription") return await call();
      const place = ctx.connection.streams.open(principal.keyId);
      // A client may be gone before its stream is read, and a stream may end while its client stays.
      signal?.addEventListener("abort", () => place[Symbol.dispose](), { once: true });
      const result = await call();
      if (result.ok) {
        const stream = translated(result.data as AsyncIterable<unknown>);
        return { ...result, data: counted(stream, place) };
      }
      place[Symbol.dispose]();
      return result;
    })
  );
}

/** The context of a call whose caller is known. */
type CallerContext = Pick<Context, "services" | "connection"> & {
  readonly principal: Principal;
};

type Handle<Schema extends ZodType, Output> = (
  call: { readonly ctx: CallerContext; readonly input: ZodOutput<Schema> },
) => Promise<Output>;

/** A mutation for keys with `scope`, which plain calls reach directly. */
export function mutationFor<Schema extends ZodType, Output>(
  scope: Scope,
  schema: Schema,
  handle: Handle<Schema, Output>,
) {
  const procedure = procedureFor(scope).input(schema).mutation(resolving(handle));
  DIRECT.set(procedure, directly(scope, schema, handle));
  return procedure;
}

/** A query for keys with `scope`, which plain calls reach directly. */
export function queryFor<Schema extends ZodType, Output>(
  scope: Scope,
  schema: Schema,
  handle: Handle<Schema, Output>,
) {
  const procedure = procedureFor(scope).input(schema).query(resolving(handle));
  DIRECT.set(procedure, directly(scope, schema, handle));
  return procedure;
}

/** The same work for tRPC, whose types do not say that the input has been parsed by the schema. */
function resolving<Schema extends ZodType, Output>(handle: Handle<Schema, Output>) {
  return ({ ctx, input }: { ctx: CallerContext; input: unknown }) =>
    handle({ ctx, input: input as ZodOutput<Schema> });
}

/** A procedure without tRPC's middlewares, which copy the whole call several times. */
type DirectCall = (ctx: Context, rawInput: () => unknown) => Promise<unknown>;

const DIRECT = new WeakMap<object, DirectCall>();

/** The direct call of a procedure; undefined: tRPC has to make it. @throws (the call) TRPCError */
export function directCallOf(procedure: object): DirectCall | undefined {
  return DIRECT.get(procedure);
}

/** The same steps in the same order as those of a procedure: the key, the input, the work. */
function directly<Schema extends ZodType, Output>(
  scope: Scope,
  schema: Schema,
  handle: Handle<Schema, Output>,
): DirectCall {
  return async (ctx, rawInput) => {
    try {
      const principal = await callerWith(scope, ctx);
      const parsed = schema.safeParse(rawInput());
      if (!parsed.success) throw new TRPCError({ code: "BAD_REQUEST", cause: parsed.error });
      const { services, connection } = ctx;
      return await handle({ ctx: { services, connection, principal }, input: parsed.data });
    } catch (error) {
      throw error instanceof Refused ? refusedCall(error) : error;
    }
  };
}

/** The same stream, which gives its place back when it ends. */
async function* counted<T>(stream: AsyncIterable<T>, place: Disposable): AsyncIterable<T> {
  using _ = place;
  yield* stream;
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
