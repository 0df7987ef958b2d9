/**
 * The shapes of answers by the names that the description gives them.
 *
 * Tested in tests/server/front/rest/fuzz_test.ts.
 */
import {
  aggregateResult,
  auditReport,
  deadLetter,
  letterPage,
  replay,
  replayReport,
} from "./dead_letters.ts";
import { snapshot } from "./figures.ts";
import {
  acknowledgement,
  cancellation,
  order,
  orderPage,
  orderStatusEvent,
  placeResult,
  placeResults,
} from "./orders.ts";
import { brokenRule, inputIssue, problem, reason, refusal } from "./refusals.ts";
import { opsStatus, whoami } from "./status.ts";

export const SHAPES = {
  Acknowledgement: acknowledgement,
  AggregateResult: aggregateResult,
  AuditReport: auditReport,
  BrokenRule: brokenRule,
  Cancellation: cancellation,
  DeadLetter: deadLetter,
  InputIssue: inputIssue,
  LetterPage: letterPage,
  OpsStatus: opsStatus,
  Order: order,
  OrderPage: orderPage,
  OrderStatusEvent: orderStatusEvent,
  PlaceResult: placeResult,
  PlaceResults: placeResults,
  Problem: problem,
  Reason: reason,
  Refusal: refusal,
  Replay: replay,
  ReplayReport: replayReport,
  Snapshot: snapshot,
  Whoami: whoami,
} as const;

export type SchemaName = keyof typeof SHAPES;
