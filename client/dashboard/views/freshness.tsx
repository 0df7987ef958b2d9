/**
 * The freshness of the figures: a sentence on the situation, and beneath it version, age and
 * source. The box keeps its height, so that nothing below it moves. Only on a narrow screen a lost
 * connection needs more lines.
 *
 * Each age goes on by itself in its own text node. A screen reader hears a situation once, when it
 * begins.
 *
 * Tested in tests/page/dashboard_test.ts.
 */
import { type ReadonlySignal, useComputed } from "@preact/signals";
import { ageOf, type Dashboard } from "../data/dashboard.ts";
import { formatAge, formatMoment, NONE } from "../data/format.ts";
import { situationOf } from "../data/situation.ts";

export interface FreshnessProps {
  readonly dashboard: Dashboard;
  readonly now: ReadonlySignal<number>;
}

const SOURCES = {
  live: "the instance's memory",
  cache: "the cache in Redis",
  database: "the database",
} as const;

export function Freshness({ dashboard, now }: FreshnessProps) {
  const { connection, awaySince, shown, isCurrent, figuresProblem, clockOffsetMs } = dashboard;
  const situation = useComputed(() =>
    situationOf({
      connection: connection.value,
      awaySince: awaySince.value,
      shown: shown.value,
      isCurrent: isCurrent.value,
      problem: figuresProblem.value,
      now: now.value,
      clockOffsetMs: clockOffsetMs.value,
    })
  );
  const kind = useComputed(() => situation.value.kind);
  const tone = useComputed(() => situation.value.tone);
  const sentence = useComputed(() => situation.value.sentence);
  const announcement = useComputed(() => situation.value.announcement);
  return (
    <section class="freshness panel" data-tone={tone} aria-label="Freshness">
      <p class="tone" data-tone={tone} data-testid={kind}>{sentence}</p>
      <p class="hidden" role="status" data-testid="announcement">{announcement}</p>
      <Origin dashboard={dashboard} now={now} />
    </section>
  );
}

function Origin({ dashboard: { shown, storeId, clockOffsetMs }, now }: FreshnessProps) {
  const age = useComputed(() =>
    shown.value === null ? NONE : formatAge(ageOf(shown.value, now.value))
  );
  const asOf = useComputed(() =>
    formatMoment(shown.value?.snapshot.asOf ?? null, now.value + clockOffsetMs.value)
  );
  const snapshot = shown.value?.snapshot ?? null;
  return (
    <dl class="origin">
      <div>
        <dt>Scope</dt>
        <dd data-testid="scope">{storeId.value ?? "all stores"}</dd>
      </div>
      <div>
        <dt>Version</dt>
        <dd data-testid="version">{snapshot?.version ?? NONE}</dd>
      </div>
      <div>
        <dt>Epoch</dt>
        <dd data-testid="epoch">{snapshot?.epoch ?? NONE}</dd>
      </div>
      <div>
        <dt>From</dt>
        <dd data-testid="source" data-source={snapshot?.source}>
          {snapshot === null ? NONE : SOURCES[snapshot.source]}
        </dd>
      </div>
      <div>
        <dt>As of</dt>
        <dd data-testid="as-of">{asOf}</dd>
      </div>
      <div>
        <dt>Age</dt>
        <dd data-testid="age">{age}</dd>
      </div>
    </dl>
  );
}
