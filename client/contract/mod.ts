/**
 * The contract: every shape and type that a client sees. This room imports nothing else of Weir's,
 * and every floor may import it. The types listed here go into the package for npm. The zod shapes beside
 * them stay with the server, so a type listed here is written out and not made from a shape.
 */
export type { BrokenRule } from "./broken_rule.ts";
export type {
  DeadLetter,
  DiscardInput,
  LetterInput,
  LetterPage,
  LetterReason,
  LetterState,
  ListLettersInput,
  Replay,
  ReplayInput,
  ReplayManyInput,
  ReplayManyReport,
  ReplayOutcome,
  ReplayResult,
} from "./dead_letter.ts";
export type { ErrorDetails } from "./error_details.ts";
export type {
  CurrencyPatch,
  FullUpdate,
  LiveUpdate,
  MinuteChange,
  PatchUpdate,
  ProductChange,
  SnapshotPatch,
} from "./live_update.ts";
export type { AggregateResult, AuditInput, AuditReport, Drift } from "./ops_runs.ts";
export type {
  AggregatorStatus,
  AuditorStatus,
  BusState,
  OpsStatus,
  OrderWriterStatus,
  OverflowStatus,
  ProblemName,
  StandingProblem,
} from "./ops_status.ts";
export type {
  Acknowledgement,
  CancelInput,
  Cancellation,
  ListOrdersInput,
  Order,
  OrderInput,
  OrderLine,
  OrderPage,
  OrderStatus,
  PlaceError as PlaceErrorData,
  PlaceInput,
  PlaceManyInput,
  PlaceResult,
} from "./order.ts";
export type { InputIssue, Refusal, RefusalReason } from "./refusal.ts";
export type { Scope, Whoami } from "./scope.ts";
export type {
  CurrencyFigures,
  LiveInput,
  MinuteSums,
  ProductSums,
  Snapshot,
  SnapshotInput,
  SnapshotSource,
  WindowSums,
} from "./snapshot.ts";
export type { RenewedToken, RenewTokenInput } from "./tokens/claims.ts";
