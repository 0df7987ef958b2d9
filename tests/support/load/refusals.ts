/**
 * Checks of the contract's error table: the answer to a refused call over HTTP and over WebSocket.
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import type { BrokenRule, RefusalReason } from "../../../client/mod.ts";
import { type Answer, callHttp, type CallType, RawSocket } from "./raw_calls.ts";

/** tRPC's code and the HTTP status of each reason, as in the contract's table. */
const CONTRACT: Readonly<Record<RefusalReason, readonly [code: string, status: number]>> = {
  invalid_input: ["BAD_REQUEST", 400],
  unauthenticated: ["UNAUTHORIZED", 401],
  forbidden: ["FORBIDDEN", 403],
  not_found: ["NOT_FOUND", 404],
  letter_closed: ["CONFLICT", 409],
  not_committed_yet: ["CONFLICT", 409],
  payload_too_large: ["PAYLOAD_TOO_LARGE", 413],
  idempotency_mismatch: ["UNPROCESSABLE_CONTENT", 422],
  rejected: ["UNPROCESSABLE_CONTENT", 422],
  rate_limited: ["TOO_MANY_REQUESTS", 429],
  queue_full: ["TOO_MANY_REQUESTS", 429],
  deadline_exceeded: ["TIMEOUT", 408],
  outcome_unknown: ["TIMEOUT", 408],
  circuit_open: ["SERVICE_UNAVAILABLE", 503],
  unavailable: ["SERVICE_UNAVAILABLE", 503],
  draining: ["SERVICE_UNAVAILABLE", 503],
  internal: ["INTERNAL_SERVER_ERROR", 500],
};

/** Waiting helps with these reasons, so they say how long. */
const CURED_BY_WAITING: ReadonlySet<RefusalReason> = new Set([
  "not_committed_yet",
  "rate_limited",
  "queue_full",
  "outcome_unknown",
  "circuit_open",
  "unavailable",
  "draining",
]);

export interface Call {
  readonly type: CallType;
  readonly path: string;
  readonly input: unknown;
  readonly token: string | null;
}

/** The fields of an error beside its message. */
export interface RefusedData {
  readonly code: string;
  readonly httpStatus: number;
  readonly reason?: RefusalReason;
  readonly retryAfterMs?: number;
  readonly deadLetterId?: string;
  readonly rule?: BrokenRule;
  readonly issues?: readonly { readonly path: string; readonly message: string }[];
}

/** Checks that a call is refused for `reason`, over HTTP and then over WebSocket. */
export async function expectRefused(
  url: string,
  call: Call,
  reason: RefusalReason,
): Promise<RefusedData> {
  const byHttp = await expectRefusedOverHttp(url, call, reason);
  const bySocket = await expectRefusedOverSocket(url, call, reason);
  assertEquals(bySocket.issues, byHttp.issues);
  return byHttp;
}

export async function expectRefusedOverHttp(
  url: string,
  { type, path, input, token }: Call,
  reason: RefusalReason,
): Promise<RefusedData> {
  return expectRefusal(await callHttp(url, type, path, input, token), reason);
}

/** Checks an HTTP answer. */
export function expectRefusal(answer: Answer, reason: RefusalReason): RefusedData {
  const { body } = answer;
  assert(typeof body === "object" && body !== null && "error" in body, answer.text);
  const data = expectError(body.error, reason);
  assertEquals(answer.status, CONTRACT[reason][1]);
  const { retryAfterMs } = data;
  const seconds = retryAfterMs === undefined ? null : String(Math.ceil(retryAfterMs / 1_000));
  assertEquals(answer.headers.get("retry-after"), seconds);
  return data;
}

export async function expectRefusedOverSocket(
  url: string,
  { type, path, input, token }: Call,
  reason: RefusalReason,
): Promise<RefusedData> {
  const socket = await RawSocket.open(url, token);
  try {
    const { error } = await socket.call(type, path, input);
    return expectError(error, reason);
  } finally {
    await socket.close();
  }
}

/** Checks an error in an answer or a message. */
export function expectError(error: unknown, reason: RefusalReason): RefusedData {
  const text = JSON.stringify(error);
  assert(typeof error === "object" && error !== null, `no error but ${text}`);
  assert("message" in error && "data" in error && "code" in error, text);
  assertEquals(typeof error.code, "number");
  const data = error.data as RefusedData;
  const [code, status] = CONTRACT[reason];
  assertEquals([data.reason, data.code, data.httpStatus], [reason, code, status], text);
  expectNoStack(text);
  expectWait(data, reason);
  return data;
}

/** Checks that `retryAfterMs` is there exactly where waiting helps. */
export function expectWait(
  { retryAfterMs }: { readonly retryAfterMs?: number },
  reason: RefusalReason,
): void {
  if (!CURED_BY_WAITING.has(reason)) return assertEquals(retryAfterMs, undefined);
  assert(Number.isSafeInteger(retryAfterMs) && (retryAfterMs ?? 0) > 0, `wait ${retryAfterMs} ms`);
}

/** Checks that `text` shows no stack trace and no place in the code. */
export function expectNoStack(text: string): void {
  assertFalse(/"stack"|\.m?[jt]s:\d|node_modules|\\n\s+at /.test(text), text);
}
