/**
 * The base of every procedure: authentication before anything is parsed, scopes, stores, and the
 * shape of errors.
 *
 * Tested in tests/server/router/errors_test.ts and tests/server/front/keys/auth_test.ts.
 */
import { initTRPC, TRPCError } from "@trpc/server";
import type { output as ZodOutput, ZodType } from "zod";
import type { Scope } from "../../client/contract/scope.ts";
import { refuse } from "../../client/contract/refusal.ts";
import { Refused } from "../../client/contract/refused.ts";
import type { Context, Principal } from "./context.ts";
import { detailsOf, refusedCall } from "./errors.ts";
import { assertProcedure } from "./rights.ts";
import { LastingStream } from "./tokens/lasting_stream.ts";
import { Lifetime } from "./tokens/lifetime.ts";

const t = initTRPC.context<Context>().create({
  isDev: false, // a stack trace never leaves the server, whatever NODE_ENV says
  errorFormatter: ({ shape, error }) => {
    const { message, details } = detailsOf(error);
    return { ...shape, message, data: { ...shape.data, ...details } };
  },
});

export const router = t.router;

/** The caller, asked for once: a refusal that is held back must not be held back twice. */
function identify(ctx: Context): Promise<Principal> {
  return ctx.identified ?? identifyAnew(ctx);
}

/** The caller as it is now: its key may be revoked, and its connection may have another token. */
function identifyAnew({ services, connection, token }: Context): Promise<Principal> {
  return services.auth.authenticate(connection.credential?.token ?? token);
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

/** A procedure for every valid key and token; `ctx.principal` is the caller. */
export const procedureForAnyKey = t.procedure.use(({ ctx, next }) =>
  translating(async () => next({ ctx: { principal: await identify(ctx) } }))
);

/** The caller, if it may call the procedure. @throws Refused */
async function callerWith(scope: Scope, path: string, ctx: Context): Promise<Principal> {
  return allowed(scope, path, await identify(ctx));
}

function allowed(scope: Scope, path: string, principal: Principal): Principal {
  assertProcedure(principal, path);
  if (principal.scopes.has(scope)) return principal;
  throw new Refused(refuse("forbidden", `this needs a key with the scope ${scope}`));
}

/** The parts of a context that streams alone use. */
export interface StreamContext {
  /**
   * For streams: a key may be revoked while they run, and a connection may get another token.
   * @param assertRest checks the caller for more than its procedure and scope, such as its store.
   * @throws Refused
   */
  readonly assertStillAllowed: (assertRest?: (caller: Principal) => void) => Promise<void>;
  /** Aborts when the stream has to end; undefined: it has no end of its own. */
  readonly ending: AbortSignal | undefined;
}

const NO_STREAM: StreamContext = {
  assertStillAllowed: () => Promise.resolve(),
  ending: undefined,
};

/** A procedure for keys with `scope`; `ctx.principal` is the caller. */
export function procedureFor(scope: Scope) {
  return t.procedure.use(({ ctx, next, path, type, signal, getRawInput }) =>
    translating(async () => {
      const principal = await callerWith(scope, path, ctx);
      if (type !== "subscription") {
        return await next({ ctx: { principal, getRawInput, ...NO_STREAM } });
      }
      const assertStillAllowed: StreamContext["assertStillAllowed"] = async (assertRest) => {
        const caller = allowed(scope, path, await identifyAnew(ctx));
        assertRest?.(caller);
      };
      const place = ctx.connection.streams.open(principal.keyId);
      const life = new Lifetime(principal, ctx.connection.credential, signal);
      const end = () => {
        place[Symbol.dispose]();
        life[Symbol.dispose]();
      };
      // A client may be gone before its stream is read, and a stream may end while its client stays.
      signal?.addEventListener("abort", end, { once: true });
      // The signal of a client that left while its key was looked up fires no more.
      if (signal?.aborted === true) end();
      const stream: StreamContext = { assertStillAllowed, ending: life.signal };
      const result = await next({ ctx: { principal, getRawInput, ...stream } });
      if (result.ok) {
        const values = result.data as AsyncIterable<unknown>;
        return { ...result, data: new LastingStream(values, life, end) };
      }
      end();
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
type DirectCall = (ctx: Context, path: string, rawInput: () => unknown) => Promise<unknown>;

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
  return async (ctx, path, rawInput) => {
    try {
      const principal = await callerWith(scope, path, ctx);
      const parsed = schema.safeParse(rawInput());
      if (!parsed.success) throw new TRPCError({ code: "BAD_REQUEST", cause: parsed.error });
      const { services, connection } = ctx;
      return await handle({ ctx: { services, connection, principal }, input: parsed.data });
    } catch (error) {
      throw error instanceof Refused ? refusedCall(error) : error;
    }
  };
}
