/**
 * The actors of the instance: their states by word, colour and meaning, and the figures that an
 * operator asks for first.
 * Tested in tests/page/dashboard_test.ts and tests/page/operators_test.ts.
 */
import { type ReadonlySignal, useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { OpsStatus } from "../../mod.ts";
import type { Dashboard } from "../data/dashboard.ts";
import {
  formatAge,
  formatBytes,
  formatCount,
  formatCounted,
  formatDay,
  formatDuration,
  formatMoment,
  formatTime,
  NONE,
} from "../data/format.ts";
import {
  AGGREGATOR,
  BUS,
  CIRCUIT,
  deadLettersHealth,
  type Health,
  healthOf,
  INTAKE,
  OVERFLOW,
} from "../data/health.ts";

export interface ActorsProps {
  readonly dashboard: Dashboard;
  readonly now: ReadonlySignal<number>;
}

export function Actors({ dashboard, now }: ActorsProps) {
  const status = dashboard.status.value;
  // Times come from the server. Their ages must not depend on a clock that may be wrong.
  const serverNow = useComputed(() => now.value + dashboard.clockOffsetMs.value);
  const problem = dashboard.statusProblem.value;
  const isLive = dashboard.connection.value === "connected";
  return (
    <section aria-labelledby="actors-title">
      <h3 id="actors-title">
        Actors <small>{isLive ? "of the instance this page talks to" : "as they were last"}</small>
      </h3>
      {problem !== null && (
        <p class="panel empty" data-testid="actors-problem">
          {problem.reason === "forbidden"
            ? "The states of the actors need a key with the scope ops; this key has not got it."
            : problem.sentence}
        </p>
      )}
      {status !== null && (
        <>
          <div class="actors" data-live={isLive}>
            <Writer writer={status.writer} now={serverNow} />
            <Aggregator aggregator={status.aggregator} />
            <LiveUpdates status={status} />
            <SafetyNet status={status} />
          </div>
          <p class="instance">
            Instance <code data-testid="instance">{status.instanceId}</code>, Weir {status.version},
            {" "}
            up since {formatDay(status.startedAt)} {formatTime(status.startedAt)}
          </p>
        </>
      )}
    </section>
  );
}

function Writer(
  { writer, now }: Pick<OpsStatus, "writer"> & { readonly now: ReadonlySignal<number> },
) {
  return (
    <Actor title="Order writer">
      <State
        name="Circuit"
        id="circuit"
        state={writer.circuit}
        health={healthOf(CIRCUIT, writer.circuit)}
      />
      <State
        name="Intake"
        id="intake"
        state={writer.intake}
        health={healthOf(INTAKE, writer.intake)}
      />
      <Fact name="Queue" id="queue">
        {formatCounted(writer.queuedOrders, "order")}, {formatBytes(writer.queuedBytes)}
      </Fact>
      <Fact name="Batches in flight" id="in-flight">{formatCount(writer.inFlightBatches)}</Fact>
      <Fact name="Commit p50, p99" id="commit">
        {formatDuration(writer.commitMsP50)}, {formatDuration(writer.commitMsP99)}
      </Fact>
      <Fact name="Last error" id="last-error">
        {writer.lastError ?? NONE}
        <ErrorTime at={writer.lastErrorAt} now={now} />
      </Fact>
    </Actor>
  );
}

interface ErrorTimeProps {
  /** Undefined: the instance is of an older version. */
  readonly at: string | null | undefined;
  readonly now: ReadonlySignal<number>;
}

/** The time of the last error and its age, which goes on by itself. */
function ErrorTime({ at, now }: ErrorTimeProps) {
  const moment = useComputed(() => formatMoment(at ?? null, now.value));
  const age = useComputed(() => formatAge(now.value - Date.parse(at ?? "")));
  if (!at) return null;
  return <small class="when">{moment} ({age} ago)</small>;
}

function Aggregator({ aggregator }: Pick<OpsStatus, "aggregator">) {
  const { state, lastRunMs, lastRunAt, lagMs, overlaps, intervalMs } = aggregator;
  return (
    <Actor title="Aggregator">
      <State name="State" id="aggregator" state={state} health={healthOf(AGGREGATOR, state)} />
      <Fact name="Last run" id="last-run">
        {lastRunAt === null ? NONE : `${formatDuration(lastRunMs)}, ${formatTime(lastRunAt)}`}
      </Fact>
      <Fact name="Lag" id="lag">{formatDuration(lagMs)}</Fact>
      <Fact name="Overlaps" id="overlaps">{formatCount(overlaps)}</Fact>
      <Fact name="Runs at least every" id="interval">{formatDuration(intervalMs)}</Fact>
    </Actor>
  );
}

function LiveUpdates({ status: { bus, live } }: { status: OpsStatus }) {
  return (
    <Actor title="Live updates">
      <State name="Bus" id="bus" state={bus.state} health={healthOf(BUS, bus.state)} />
      <Fact name="Subscribers" id="subscribers">{formatCount(live.subscribers)}</Fact>
    </Actor>
  );
}

function SafetyNet({ status: { spill, deadLetters } }: { status: OpsStatus }) {
  const { state, orders, oldestAgeMs } = spill;
  return (
    <Actor title="Safety net">
      <State name="Overflow" id="spill" state={state} health={healthOf(OVERFLOW, state)} />
      <Fact name="Orders in it" id="spill-orders">
        {formatCount(orders)}
        {oldestAgeMs !== null && `, oldest ${formatAge(oldestAgeMs)}`}
      </Fact>
      <State
        name="Dead letters"
        id="dead-letters"
        state={`${formatCount(deadLetters.open)} open`}
        health={deadLettersHealth(deadLetters.open)}
      />
      {deadLetters.latestRule && (
        <Fact name="Latest rule" id="latest-rule">{deadLetters.latestRule}</Fact>
      )}
    </Actor>
  );
}

function Actor({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <article class="panel actor">
      <h4>{title}</h4>
      <dl>{children}</dl>
    </article>
  );
}

interface StateProps {
  readonly name: string;
  readonly id: string;
  readonly state: string;
  readonly health: Health;
}

function State({ name, id, state, health }: StateProps) {
  return (
    <div class="state">
      <dt>{name}</dt>
      <dd>
        <span class="tone" data-tone={health.tone} data-testid={id}>
          {state.replaceAll("_", " ")}
        </span>
        <small>{health.note}</small>
      </dd>
    </div>
  );
}

interface FactProps {
  readonly name: string;
  readonly id: string;
  readonly children: ComponentChildren;
}

function Fact({ name, id, children }: FactProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={id}>{children}</dd>
    </div>
  );
}
