/**
 * The error of a call that failed, with the reason as data: one of the contract's table, or one of the
 * two that only a client can see.
 *
 * Tested in tests/client/api/weir_error_test.ts.
 */
import { TRPCClientError } from "@trpc/client";
import type { BrokenRule, ErrorDetails, InputIssue } from "../contract/mod.ts";
import { type FailureReason, mayPassLater } from "./verdict.ts";

/** The order that an error speaks of. */
export interface NamedOrder {
  readonly storeId: string;
  readonly orderId: string;
  readonly idempotencyKey: string;
}

export class WeirError extends Error {
  override readonly name: string = "WeirError";
  /** Milliseconds after which another try makes sense; null: waiting does not help. */
  readonly retryAfterMs: number | null;
  /** The mistakes of an `invalid_input`. */
  readonly issues: readonly InputIssue[];
  /** The dead letter that keeps a `rejected` order. */
  readonly deadLetterId: string | null;
  /** The rule that a `rejected` order breaks. */
  readonly rule: BrokenRule | null;
  /** With `internal`: the id to look for in the server's log. */
  readonly requestId: string | null;

  constructor(
    readonly reason: FailureReason,
    message: string,
    details: Omit<ErrorDetails, "reason"> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.retryAfterMs = details.retryAfterMs ?? null;
    this.issues = details.issues ?? [];
    this.deadLetterId = details.deadLetterId ?? null;
    this.rule = details.rule ?? null;
    this.requestId = details.requestId ?? null;
  }

  /** True when the same call may pass at another time; false when something has to change first. */
  get mayPassLater(): boolean {
    return mayPassLater(this.reason);
  }
}

/** An order that was not placed, as far as the client can know. */
export class PlaceError extends WeirError {
  override readonly name = "PlaceError";

  constructor(
    readonly order: NamedOrder,
    /**
     * False: nothing of it is stored. True: a try ended without an answer, so it may be; sent again with
     * the same key it is never stored twice.
     */
    readonly mayBeStored: boolean,
    { reason, message, cause, ...details }: WeirError,
  ) {
    super(reason, message, definedOf(details), { cause });
  }
}

type Details = Pick<
  WeirError,
  "retryAfterMs" | "issues" | "deadLetterId" | "rule" | "requestId"
>;

function definedOf({ retryAfterMs, issues, deadLetterId, rule, requestId }: Details) {
  return {
    issues,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    ...(deadLetterId === null ? {} : { deadLetterId }),
    ...(rule === null ? {} : { rule }),
    ...(requestId === null ? {} : { requestId }),
  };
}

/** The fields of a failed call beside its message, such as `reason` and `retryAfterMs`. */
export type WeirErrorData = ErrorDetails & { readonly code: string; readonly httpStatus: number };

/** The details of a refusal; null when `error` did not come from the server. */
export function errorDataOf(error: unknown): WeirErrorData | null {
  if (!(error instanceof TRPCClientError)) return null;
  const data: unknown = error.data;
  return typeof data === "object" && data !== null && "code" in data ? data as WeirErrorData : null;
}

/** Any error of a call as a WeirError. An error without a reason is no answer of Weir's. */
export function weirErrorOf(error: unknown): WeirError {
  if (error instanceof WeirError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const { reason = reasonWithout(error), ...details } = errorDataOf(error) ?? {};
  return new WeirError(reason, message, details, { cause: error });
}

/** Errors of a connection that was never made, so that nothing was sent. */
const NEVER_CONNECTED = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;

/** The reason of an error that did not come from the server. */
function reasonWithout(error: unknown): "no_connection" | "no_answer" {
  for (let cause: unknown = error, depth = 0; depth < 5; depth++) {
    const { code, cause: deeper } = Object(cause) as { code?: unknown; cause?: unknown };
    if (typeof code === "string" && NEVER_CONNECTED.test(code)) return "no_connection";
    cause = deeper;
  }
  return "no_answer";
}
