/**
 * Answers of plain calls, as tRPC's own adapters give them, without `Request`, `Response`, streams and
 * signals: those cost several times what an order does.
 *
 * The procedures, the shapes of errors and the status codes are tRPC's. Here is what joins them.
 *
 * Tested in tests/server/front/calls/same_answers_test.ts.
 */
import {
  getTRPCErrorFromUnknown,
  getTRPCErrorShape,
  transformTRPCResponse,
  TRPCError,
} from "@trpc/server";
import { getHTTPStatusCode } from "@trpc/server/http";
import type { TRPCResponse } from "@trpc/server/rpc";
import { Refused } from "../../../client/contract/refused.ts";
import type { Context } from "../../router/context.ts";
import { appRouter } from "../../router/mod.ts";
import { directCallOf } from "../../router/procedures.ts";
import type { PlainCall, PlainCalls } from "./plain_call.ts";

export interface CallsAnswer {
  readonly status: number;
  /** JSON. */
  readonly body: string;
  /** For `Retry-After`, in whole seconds; null: waiting does not help. */
  readonly retryAfterSeconds: number | null;
}

/** The inputs of the calls by index, read when the first procedure asks. */
type Inputs = () => Readonly<Record<number, unknown>>;

interface Result {
  readonly response: TRPCResponse;
  readonly error: TRPCError | undefined;
}

const CONFIG = appRouter._def._config;
const NO_INPUTS: Readonly<Record<number, unknown>> = Object.create(null);

/**
 * Runs the calls and answers them together.
 * @param body of the request, as text; empty: it has none.
 */
export async function answerCalls(
  plain: PlainCalls,
  body: string,
  context: Context,
): Promise<CallsAnswer> {
  const inputs = inputsOf(plain, body);
  const [only] = plain.calls;
  if (!plain.isBatch && only !== undefined) {
    const { response, error } = await answerOne(plain, only, 0, inputs, context);
    return answerOf(response, [error]);
  }
  const results = await Promise.all(
    plain.calls.map((call, index) => answerOne(plain, call, index, inputs, context)),
  );
  return answerOf(results.map(({ response }) => response), results.map(({ error }) => error));
}

/** The result of one call. @throws (the promise) TRPCError, or anything that is a bug */
export function resultOf(
  { path, procedure }: PlainCall,
  { type, getRawInput, ctx, index }: {
    readonly type: PlainCalls["type"];
    /** Asked after the key and its scope have been looked at. */
    readonly getRawInput: () => unknown;
    readonly ctx: Context;
    readonly index: number;
  },
): Promise<unknown> {
  const direct = directCallOf(procedure);
  if (direct !== undefined) return direct(ctx, path, getRawInput);
  return procedure({
    path,
    getRawInput: () => Promise.resolve().then(getRawInput),
    ctx,
    type,
    signal: undefined,
    batchIndex: index,
  });
}

async function answerOne(
  { type }: PlainCalls,
  call: PlainCall,
  index: number,
  inputs: Inputs,
  ctx: Context,
): Promise<Result> {
  let input: unknown;
  // tRPC's checks of the key come before the input is asked for.
  const getRawInput = () => input = inputs()[index];
  try {
    const data = await resultOf(call, { type, getRawInput, ctx, index });
    return { response: { result: { data } }, error: undefined };
  } catch (cause) {
    const error = getTRPCErrorFromUnknown(cause);
    const shape = getTRPCErrorShape({ config: CONFIG, error, type, path: call.path, input, ctx });
    return { response: { error: shape }, error };
  }
}

function answerOf(
  response: TRPCResponse | TRPCResponse[],
  errors: readonly (TRPCError | undefined)[],
): CallsAnswer {
  return {
    status: getHTTPStatusCode(response, errors),
    body: JSON.stringify(transformTRPCResponse(CONFIG, response)),
    retryAfterSeconds: retryAfterSecondsOf(errors),
  };
}

/** The longest wait that one of the errors asks for; null: none does. */
export function retryAfterSecondsOf(errors: readonly (TRPCError | undefined)[]): number | null {
  let most: number | null = null;
  for (const error of errors) {
    if (!(error?.cause instanceof Refused)) continue;
    const { retryAfterMs } = error.cause.refusal;
    if (retryAfterMs !== undefined) most = Math.max(most ?? 0, Math.ceil(retryAfterMs / 1_000));
  }
  return most;
}

/** The inputs of the calls. Text that is not JSON is refused to each call that asks for its input. */
function inputsOf({ isBatch, type, urlInput }: PlainCalls, body: string): Inputs {
  const text = type === "query" ? urlInput : body;
  if (text === null || text === "") return () => NO_INPUTS;
  let inputs: Readonly<Record<number, unknown>> | null = null;
  return () => inputs ??= isBatch ? batchOf(parse(text)) : { 0: parse(text) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TRPCError({
      code: "BAD_REQUEST",
      message: cause instanceof Error ? cause.message : "Invalid input",
      cause,
    });
  }
}

function batchOf(inputs: unknown): Readonly<Record<number, unknown>> {
  if (typeof inputs === "object" && inputs !== null && !Array.isArray(inputs)) {
    return inputs as Record<number, unknown>;
  }
  throw new TRPCError({
    code: "BAD_REQUEST",
    message: '"input" needs to be an object when doing a batch call',
  });
}
