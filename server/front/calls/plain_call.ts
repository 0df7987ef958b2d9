/**
 * Plain calls: queries and mutations as the clients of tRPC send nearly all of them, one or a batch,
 * with JSON. They are answered by answer_calls.ts, which costs a fraction of the stock adapter.
 *
 * Everything else is not plain, and the stock adapter answers it: subscriptions, streamed batches,
 * other content types, odd paths, and requests whose form is wrong. So each rule of tRPC about those
 * stands in one place, in tRPC.
 *
 * Tested in tests/server/front/calls/same_answers_test.ts.
 */
import type { AnyTRPCProcedure } from "@trpc/server";
import { MAX_BATCH_CALLS } from "../../router/errors.ts";
import { appRouter } from "../../router/mod.ts";
import { TRPC_PATH } from "../origins.ts";

/** The parts of a request that say whether it is plain. A header that is missing is undefined. */
export interface CallRequest {
  readonly method: string;
  /** The path and the query, as in the first line of the request. */
  readonly url: string;
  readonly contentType: string | undefined;
  readonly accept: string | undefined;
  readonly trpcAccept: string | string[] | undefined;
}

export interface PlainCalls {
  readonly type: "query" | "mutation";
  /** One, or those of a batch in their order. */
  readonly calls: readonly PlainCall[];
  readonly isBatch: boolean;
  /** The inputs as JSON, as a query has them in its URL. Null: there are none, or they are the body. */
  readonly urlInput: string | null;
}

export interface PlainCall {
  readonly path: string;
  readonly procedure: AnyTRPCProcedure;
}

const BEGIN = `${TRPC_PATH}/`;
/** Nothing in it is encoded. */
const PLAIN_PATHS = /^[A-Za-z0-9_.,]+$/;
const JSON_TYPE = "application/json";
/** Every procedure by its path. */
export const PROCEDURES: ReadonlyMap<string, AnyTRPCProcedure> = new Map(
  Object.entries(appRouter._def.procedures as unknown as Record<string, AnyTRPCProcedure>),
);

/** The plain calls of a request; null: the stock adapter answers it. */
export function plainCallsOf(request: CallRequest): PlainCalls | null {
  const { url, method } = request;
  const type = method === "POST" ? "mutation" : method === "GET" ? "query" : null;
  if (type === null || !url.startsWith(BEGIN) || url.includes("#") || asksForStream(request)) {
    return null;
  }
  if (type === "mutation" && !isJson(request.contentType)) return null;
  if (type === "query" && request.contentType !== undefined) return null;
  const queryAt = url.indexOf("?");
  const paths = url.slice(BEGIN.length, queryAt < 0 ? undefined : queryAt);
  if (!PLAIN_PATHS.test(paths)) return null;
  if (queryAt < 0) return callsOf(type, [paths], false, null);
  const query = new URLSearchParams(url.slice(queryAt + 1));
  if (query.has("connectionParams")) return null;
  const isBatch = query.get("batch") === "1";
  const urlInput = type === "query" ? query.get("input") : null;
  return callsOf(type, isBatch ? paths.split(",") : [paths], isBatch, urlInput);
}

function callsOf(
  type: PlainCalls["type"],
  paths: readonly string[],
  isBatch: boolean,
  urlInput: string | null,
): PlainCalls | null {
  if (paths.length > MAX_BATCH_CALLS) return null;
  const calls: PlainCall[] = [];
  for (const path of paths) {
    const procedure = PROCEDURES.get(path);
    if (procedure?._def.type !== type) return null;
    calls.push({ path, procedure });
  }
  return { type, calls, isBatch, urlInput };
}

function asksForStream({ accept, trpcAccept }: CallRequest): boolean {
  return trpcAccept !== undefined || accept?.includes("jsonl") === true;
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === JSON_TYPE) return true;
  return contentType?.toLowerCase().split(";", 1)[0]?.trim() === JSON_TYPE;
}
