/**
 * The gauges of one instance: what the status board and the metrics read, each value as it is now.
 *
 * Tested in tests/server/router/ops_test.ts.
 */
import type {
  AggregatorStatus,
  AuditorStatus,
  BusState,
  OrderWriterStatus,
  OverflowStatus,
  StandingProblem,
} from "../../client/contract/ops_status.ts";

export interface Gauges {
  readonly writer: () => OrderWriterStatus;
  readonly aggregator: () => AggregatorStatus;
  readonly bus: () => BusState;
  readonly spill: () => OverflowStatus;
  readonly deadLetters: () => number;
  readonly subscribers: () => number;
  readonly auditor: () => AuditorStatus;
  readonly problems: () => readonly StandingProblem[];
}
