/**
 * The metrics of one instance, as the contract names them. Times are seconds; labels are bounded.
 *
 * A registry of its own, not the library's global one: two instances in one process (tests, the
 * bench) must not share figures. Gauges are read when somebody scrapes. Counting is a hint: it never
 * throws, and a gauge that fails leaves all others as they are.
 *
 * Tested in tests/server/router/ops_test.ts.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { PROBLEM_NAMES } from "../../client/contract/ops_status.ts";
import type { Gauges } from "./gauges.ts";
import type { Hints } from "./hints.ts";

const ACK_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_BUCKETS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500];

export type Metrics = ReturnType<typeof createMetrics>;

/** The gauges of the status board, and those that only metrics have. */
interface MeasuredGauges extends Gauges {
  /** Orders in the overflow that could not be drained and are tried again from time to time. */
  readonly setAside: () => number;
  /** The backlogs of the stores in the mailbox. */
  readonly backlogs: () => { readonly stores: number; readonly longestOrders: number };
  /** Entries of the journal that no fold has taken. */
  readonly journalEntries: () => number;
}

/** Makes the metrics. `watch` has to be called before the first scrape. */
export function createMetrics(hints: Hints) {
  const registers = [new Registry()];
  const count = (step: () => void) => void hints.runNow("metrics", step);
  const histogram = (name: string, help: string, buckets: number[]) => {
    const metric = new Histogram({ name, help, buckets, registers });
    return { observe: (value: number) => count(() => metric.observe(value)) };
  };
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) => {
    const metric = new Counter({ name, help, labelNames, registers });
    return {
      inc: (labels: Record<Label, string>) => count(() => metric.inc(labels)),
      add: (value: number, labels?: Record<Label, string>) =>
        count(() => labels === undefined ? metric.inc(value) : metric.inc(labels, value)),
    };
  };
  countHints(registers, hints);
  return {
    registry: registers[0]!,
    orders: counter("weir_orders_total", "Orders answered, by outcome.", ["outcome"]),
    shed: counter("weir_shed_total", "Orders refused without work, by reason.", ["reason"]),
    keyLookUps: counter("weir_key_lookups_total", "Look-ups of API keys.", ["outcome"]),
    ackSeconds: histogram("weir_order_ack_seconds", "From call to answer.", ACK_BUCKETS),
    batchOrders: histogram("weir_writer_batch_orders", "Orders in a batch.", BATCH_BUCKETS),
    commitSeconds: histogram("weir_writer_commit_seconds", "A batch's commit.", ACK_BUCKETS),
    runSeconds: histogram("weir_aggregator_run_seconds", "A fold.", ACK_BUCKETS),
    runs: counter("weir_aggregator_runs_total", "Folds, by outcome.", ["outcome"]),
    freshnessSeconds: histogram(
      "weir_dashboard_freshness_seconds",
      "From the writing of the oldest order in a frame to the frame being sent.",
      ACK_BUCKETS,
    ),
    skippedFrames: counter(
      "weir_live_skipped_frames_total",
      "Frames that a slow subscriber skipped to a newer one.",
      [],
    ),
    driftedBuckets: counter(
      "weir_audit_drifted_buckets_total",
      "Buckets whose rollups were not what their orders add up to.",
      [],
    ),
    /** Defines the gauges, each read when somebody scrapes. */
    watch: (gauges: MeasuredGauges) => watch(registers, gauges, hints),
    connectionsClosed: counter(
      "weir_connections_closed_total",
      "Connections that the instance closed or did not take, by reason.",
      ["why"],
    ),
    doorRefusals: counter(
      "weir_door_refusals_total",
      "Requests, subscriptions and messages that the front refused before the procedures.",
      ["why"],
    ),
    answersRefused: counter(
      "weir_answers_refused_total",
      "Large answers that were not made, by reason.",
      ["reason"],
    ),
    /** Defines the gauges of connections. */
    watchConnections: (of: ConnectionGauges) => watchConnections(gaugeOf(registers, hints), of),
  };
}

/** The values that the server of HTTP and WebSocket tells, each as it is now. */
interface ConnectionGauges {
  readonly unreadBytes: () => number;
  readonly unfinishedBytes: () => number;
  readonly answerBytes: () => number;
  readonly connections: () => number;
  readonly strangers: () => number;
  readonly listenerRestarts: () => number;
}

function watchConnections(gauge: ReturnType<typeof gaugeOf>, of: ConnectionGauges): void {
  gauge(
    "weir_unread_bytes",
    "Bytes that were sent to clients and wait in this process for them to read.",
    of.unreadBytes,
  );
  gauge(
    "weir_unfinished_bytes",
    "Bytes of requests that have not arrived in full.",
    of.unfinishedBytes,
  );
  gauge(
    "weir_answer_bytes",
    "Bytes of large answers that are being made, or that clients have not read.",
    of.answerBytes,
  );
  gauge("weir_connections", "Connections that are open.", of.connections);
  gauge("weir_strangers", "Connections that have not shown a good key.", of.strangers);
  gauge(
    "weir_listener_restarts",
    "How often the instance has listened on its port again.",
    of.listenerRestarts,
  );
}

const CIRCUIT_STATES = ["closed", "open", "half_open"] as const;
const BUS_STATES = ["redis", "postgres", "down"] as const;

/** Defines the counter of the hints' failures. */
function countHints(registers: Registry[], hints: Hints): void {
  new Counter({
    name: "weir_hint_failures_total",
    help: "Failures of side steps, for which nothing waits.",
    labelNames: ["hint"],
    registers,
    collect() {
      this.reset();
      for (const [hint, failures] of hints.failures) this.inc({ hint }, failures);
    },
  });
}

/** Defines gauges that are read when somebody scrapes. */
function gaugeOf(registers: Registry[], hints: Hints) {
  return (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        hints.runNow("metrics", () => {
          this.remove(); // so that a value which cannot be read is missing, and not an old one
          this.set(read());
        });
      },
    });
}

function watch(registers: Registry[], sources: MeasuredGauges, hints: Hints): void {
  const gauge = gaugeOf(registers, hints);
  const states = <State extends string>(
    name: string,
    help: string,
    all: readonly State[],
    read: () => State,
  ) =>
    new Gauge({
      name,
      help,
      labelNames: ["state"],
      registers,
      collect() {
        hints.runNow("metrics", () => {
          this.reset();
          const present = read();
          for (const state of all) this.set({ state }, state === present ? 1 : 0);
        });
      },
    });
  watchMailbox(gauge, sources);
  states("weir_circuit_state", "1 for the state.", CIRCUIT_STATES, () => sources.writer().circuit);
  gauge(
    "weir_aggregator_lag_seconds",
    "How long the oldest commit has been waiting for its fold.",
    () => sources.aggregator().lagMs / 1_000,
  );
  new Counter({
    name: "weir_aggregator_overlaps_total",
    help: "Folds during which another one was asked for.",
    registers,
    collect() {
      hints.runNow("metrics", () => {
        this.reset();
        this.inc(sources.aggregator().overlaps);
      });
    },
  });
  gauge(
    "weir_aggregator_interval_utilization",
    "The last fold's duration as a share of the interval.",
    () => (sources.aggregator().lastRunMs ?? 0) / sources.aggregator().intervalMs,
  );
  gauge("weir_live_subscribers", "Live subscriptions.", sources.subscribers);
  gauge("weir_spill_orders", "Orders in the overflow buffer.", () => sources.spill().orders);
  gauge(
    "weir_spill_oldest_seconds",
    "How long the oldest of them has been there.",
    () => (sources.spill().oldestAgeMs ?? 0) / 1_000,
  );
  gauge(
    "weir_spill_set_aside_orders",
    "Orders in the overflow buffer that can neither be stored nor become dead letters.",
    sources.setAside,
  );
  gauge("weir_journal_entries", "Entries of the journal to be folded.", sources.journalEntries);
  gauge("weir_dead_letters_open", "Dead letters that wait for a person.", sources.deadLetters);
  states("weir_bus_state", "1 for the state.", BUS_STATES, sources.bus);
  problemGauge(registers, sources, hints);
}

/** Defines the gauges of the orders that wait. */
function watchMailbox(gauge: ReturnType<typeof gaugeOf>, sources: MeasuredGauges): void {
  gauge("weir_writer_queue_orders", "Orders waiting.", () => sources.writer().queuedOrders);
  gauge("weir_writer_queue_bytes", "Their bytes.", () => sources.writer().queuedBytes);
  gauge(
    "weir_writer_queue_stores",
    "Stores with orders waiting.",
    () => sources.backlogs().stores,
  );
  gauge(
    "weir_writer_longest_backlog_orders",
    "Orders waiting of the store with the longest backlog.",
    () => sources.backlogs().longestOrders,
  );
}

function problemGauge(registers: Registry[], sources: MeasuredGauges, hints: Hints): void {
  new Gauge({
    name: "weir_problem",
    help: "1 while the problem stands.",
    labelNames: ["problem"],
    registers,
    collect() {
      hints.runNow("metrics", () => {
        this.reset();
        const standing = new Set(sources.problems().map(({ name }) => name));
        for (const problem of PROBLEM_NAMES) this.set({ problem }, standing.has(problem) ? 1 : 0);
      });
    },
  });
}
