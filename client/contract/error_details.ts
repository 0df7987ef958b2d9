/**
 * The fields of a failed call's `error.data`, beside tRPC's own.
 */
import type { BrokenRule } from "./broken_rule.ts";
import type { InputIssue, RefusalReason } from "./refusal.ts";

export interface ErrorDetails {
  readonly reason?: RefusalReason;
  readonly retryAfterMs?: number;
  readonly deadLetterId?: string;
  readonly rule?: BrokenRule;
  readonly issues?: readonly InputIssue[];
  /** Only with `internal`: the id to look for in the server's log. */
  readonly requestId?: string;
}
