/**
 * Errors as clients see them: a tRPC code, a reason from the contract, and no stack trace.
 *
 * What Weir refuses on purpose is thrown as a `RefusedError`. Input that does not fit its shape
 * becomes `invalid_input` with its issues, tRPC's own errors keep their codes, and everything else
 * is a bug: it is logged under a request id, and the client gets the id and nothing of the bug.
 */
import { TRPCError } from "@trpc/server";
import type { TRPC_ERROR_CODE_KEY } from "@trpc/server/rpc";
import { ZodError, ZodRealError } from "zod";
import type { Refusal, RefusalReason } from "../../client/contract/refusal.ts";
import { describe, getLogger } from "../telemetry/log.ts";

const log = getLogger(["weir", "router"]);

/** The tRPC code of each reason. */
export const CODE_OF_REASON: Readonly<Record<RefusalReason, TRPC_ERROR_CODE_KEY>> = {
  invalid_input: "BAD_REQUEST",
  unauthenticated: "UNAUTHORIZED",
  forbidden: "FORBIDDEN",
  not_found: "NOT_FOUND",
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

/** One thing that is wrong with an input. */
export interface InputIssue {
  /** Where, as `lines.0.sku`; empty for the input as a whole. */
  readonly path: string;
  readonly message: string;
}

/** What `error.data` has beside tRPC's own fields. */
export interface ErrorDetails {
  readonly reason?: RefusalReason;
  readonly retryAfterMs?: number;
  readonly deadLetterId?: string;
  readonly issues?: readonly InputIssue[];
  readonly requestId?: string;
}

/** A refusal on its way to the client. */
export class RefusedError extends TRPCError {
  constructor(readonly refusal: Refusal) {
    super({ code: CODE_OF_REASON[refusal.reason], message: refusal.message });
  }
}

/** An answer must not grow with what is wrong: a megabyte of mistakes would make eight of it. */
const MAX_ISSUES = 50;
const MAX_ISSUE_LENGTH = 300;

/** The first issues of an input, each with its path. */
export function issuesOf(error: ZodError): InputIssue[] {
  return error.issues.slice(0, MAX_ISSUES).map(({ path, message }) => ({
    path: shortened(path.map(String).join(".")),
    message: shortened(message),
  }));
}

function shortened(text: string): string {
  return text.length <= MAX_ISSUE_LENGTH ? text : `${text.slice(0, MAX_ISSUE_LENGTH - 1)}…`;
}

/** What a client is told of `error`: the message, and the details beside tRPC's own. */
export function detailsOf(error: TRPCError): { message: string; details: ErrorDetails } {
  if (error instanceof RefusedError) {
    const { message, ...details } = error.refusal;
    return { message, details };
  }
  if (error.code === "BAD_REQUEST" && error.cause instanceof ZodError) {
    const issues = issuesOf(error.cause);
    return { message: invalidMessage(issues), details: { reason: "invalid_input", issues } };
  }
  if (error.code !== "INTERNAL_SERVER_ERROR") return { message: error.message, details: {} };
  const requestId = crypto.randomUUID();
  log.error(`a bug: ${describe(error.cause ?? error)}`, {
    requestId,
    stack: (error.cause ?? error).stack,
  });
  return {
    message: `internal error, request ${requestId}`,
    details: { reason: "internal", requestId },
  };
}

/** One sentence of what is wrong with an input. */
export function invalidMessage(issues: readonly InputIssue[]): string {
  const [first] = issues;
  if (first === undefined) return "the input is invalid";
  const where = first.path === "" ? "the input" : first.path;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return `${where}: ${first.message}${more}`;
}

/** `invalid_input` that only shows when the input is acted upon; `path` is its field. */
export function invalidInput(path: string, message: string): TRPCError {
  const issue = { code: "custom", path: path.split("."), message, input: undefined } as const;
  return new TRPCError({ code: "BAD_REQUEST", cause: new ZodRealError([issue]) });
}
