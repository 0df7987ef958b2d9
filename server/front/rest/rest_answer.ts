/**
 * Whole answers of REST, and the way they are sent. Bytes that are the same for every reader, such as
 * a file of the page, are sent as they are: a thousand readers who take them slowly share one copy.
 *
 * Tested in tests/server/front/rest/rest_test.ts and bounds_test.ts.
 */
import { Buffer } from "node:buffer";
import { leaveNoRest } from "../connections/body.ts";
import type { Exchange } from "../exchange.ts";
import type { Front } from "../front.ts";

/** The status, the headers and the body of an answer. */
export interface RestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** Sends an answer. @param doorHeaders stand in every answer; those of the answer itself win */
export async function sendWhole(
  { status, headers, body }: RestAnswer,
  exchange: Exchange,
  doorHeaders: Readonly<Record<string, string>>,
  front: Pick<Front, "isStopping">,
): Promise<void> {
  const { incoming, outgoing } = exchange;
  await leaveNoRest(exchange);
  if (front.isStopping) outgoing.shouldKeepAlive = false;
  const all = { ...doorHeaders, ...headers, "content-length": Buffer.byteLength(body) };
  exchange.send(status, all, incoming.method === "HEAD" ? "" : body);
}
