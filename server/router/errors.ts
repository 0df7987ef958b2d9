/**
 * Errors as clients see them: a tRPC code and HTTP status, a reason of the contract, no stack trace.
 *
 * A refusal is thrown as `Refused`, and `refusedCall` turns it into an error of tRPC. Input that does not fit its shape
 * becomes `invalid_input` with its issues, tRPC's own errors keep their codes, and everything else
 * is a bug: it is logged under a request id, and the client gets the id and nothing of the bug.
 */
import { TRPCError } from "@trpc/server";
import type { TRPC_ERROR_CODE_KEY } from "@trpc/server/rpc";
import { ZodError } from "zod";
import { Refused } from "../../client/contract/refused.ts";
import type { ErrorDetails } from "../../client/contract/error_details.ts";
import type { RefusalReason } from "../../client/contract/refusal.ts";
import { countBug } from "../telemetry/bugs.ts";
import { invalidMessage, issuesOf } from "./input_issues.ts";
import { describe, getLogger } from "../telemetry/log.ts";

const log = getLogger(["weir", "router"]);

/** Calls in one batch over HTTP, and in one message over WebSocket. `placeMany` takes more orders. */
export const MAX_BATCH_CALLS = 200;
/** tRPC's own words, which name no bound. */
const TOO_MANY_CALLS = "Batch call exceeds maximum size";

/** True when a batch has more calls than it may have. */
export function isTooManyCalls({ message }: Error): boolean {
  return message === TOO_MANY_CALLS;
}

/** The tRPC code of each reason. */
export const CODE_OF_REASON: Readonly<Record<RefusalReason, TRPC_ERROR_CODE_KEY>> = {
  invalid_input: "BAD_REQUEST",
  unauthenticated: "UNAUTHORIZED",
  forbidden: "FORBIDDEN",
  not_found: "NOT_FOUND",
  letter_closed: "CONFLICT",
  not_committed_yet: "CONFLICT",
  payload_too_large: "PAYLOAD_TOO_LARGE",
  idempotency_mismatch: "UNPROCESSABLE_CONTENT",
  rejected: "UNPROCESSABLE_CONTENT",
  rate_limited: "TOO_MANY_REQUESTS",
  queue_full: "TOO_MANY_REQUESTS",
  deadline_exceeded: "TIMEOUT",
  outcome_unknown: "TIMEOUT",
  circuit_open: "SERVICE_UNAVAILABLE",
  unavailable: "SERVICE_UNAVAILABLE",
  draining: "SERVICE_UNAVAILABLE",
  internal: "INTERNAL_SERVER_ERROR",
};

/** A refusal as a tRPC error, which keeps it as its cause. */
export function refusedCall(refused: Refused): TRPCError {
  const { reason, message } = refused.refusal;
  return new TRPCError({ code: CODE_OF_REASON[reason], message, cause: refused });
}

/** The message and the details of `error` for the client. A bug is logged under a request id. */
export function detailsOf(error: TRPCError): { message: string; details: ErrorDetails } {
  if (error.cause instanceof Refused) {
    const { message, ...details } = error.cause.refusal;
    return { message, details };
  }
  if (error.code === "BAD_REQUEST" && error.cause instanceof ZodError) {
    const issues = issuesOf(error.cause);
    return { message: invalidMessage(issues), details: { reason: "invalid_input", issues } };
  }
  if (isTooManyCalls(error)) {
    return {
      message: `a batch has at most ${MAX_BATCH_CALLS} calls`,
      details: { reason: "invalid_input" },
    };
  }
  if (error.code !== "INTERNAL_SERVER_ERROR") return { message: error.message, details: {} };
  const requestId = crypto.randomUUID();
  countBug("a bug in a call", error.cause ?? error);
  log.error(`a bug: ${describe(error.cause ?? error)}`, {
    requestId,
    stack: (error.cause ?? error).stack,
  });
  return {
    message: `internal error, request ${requestId}`,
    details: { reason: "internal", requestId },
  };
}
