/**
 * tRPC's own adapter, for all calls that are not plain: subscriptions by server-sent events, streamed
 * batches, and requests whose form is wrong.
 *
 * Tested in tests/server/front/calls/same_answers_test.ts and tests/server/live/live_test.ts.
 */
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import type { Context } from "../../router/context.ts";
import { isTooManyCalls, MAX_BATCH_CALLS } from "../../router/errors.ts";
import { appRouter } from "../../router/mod.ts";
import type { Exchange } from "../exchange.ts";
import { TRPC_PATH } from "../origins.ts";
import { retryAfterSecondsOf } from "./answer_calls.ts";

/**
 * Answers the calls of a request.
 * @param body null: tRPC reads no body for this method.
 * @param onTooMany called when the batch has more calls than it may have.
 */
export async function answerByStock(
  { incoming, gone, events }: Exchange,
  url: URL,
  body: Uint8Array<ArrayBuffer> | null,
  context: Context,
  onTooMany: () => void,
): Promise<Response> {
  const headers = new Headers(headersOf(incoming.rawHeaders));
  const response = await fetchRequestHandler({
    endpoint: TRPC_PATH,
    req: new Request(url, { method: incoming.method ?? "GET", headers, body, signal: gone }),
    router: appRouter,
    maxBatchSize: MAX_BATCH_CALLS,
    createContext: () => context,
    onError: ({ error }) => {
      if (isTooManyCalls(error)) onTooMany();
    },
    responseMeta: ({ errors }) => {
      const seconds = retryAfterSecondsOf(errors);
      return seconds === null ? {} : { headers: { "Retry-After": String(seconds) } };
    },
  });
  return events.carry(response);
}

function headersOf(rawHeaders: readonly string[]): [string, string][] {
  const headers: [string, string][] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    headers.push([rawHeaders[index]!, rawHeaders[index + 1]!]);
  }
  return headers;
}
