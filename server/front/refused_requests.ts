/**
 * Errors of requests that are refused before tRPC sees them, in the shape of its own errors.
 *
 * Tested in tests/server/front/message_bounds_test.ts.
 */
import { type Refusal, refuse } from "../../client/contract/refusal.ts";
import { CODE_OF_REASON } from "../router/errors.ts";
import { MAX_BODY_BYTES } from "./connections/body.ts";

interface RequestError {
  readonly message: string;
  readonly code: number;
  readonly data: Readonly<Record<string, unknown>>;
}

function errorOf({ message, ...details }: Refusal, code: number, httpStatus: number): RequestError {
  return { message, code, data: { code: CODE_OF_REASON[details.reason], httpStatus, ...details } };
}

/** A body over the bound. */
export const TOO_LARGE_REFUSAL = refuse(
  "payload_too_large",
  `a message must not be over ${MAX_BODY_BYTES} bytes`,
);
export const TOO_LARGE = errorOf(TOO_LARGE_REFUSAL, -32_013, 413);

/** A body for which there is no room now. */
export const NO_ROOM_REFUSAL = refuse(
  "queue_full",
  "too many bytes of unfinished requests wait here",
  1_000,
);
export const NO_ROOM = errorOf(NO_ROOM_REFUSAL, -32_029, 429);
