/**
 * The figures: today by currency, and the last hour and the best products of one currency.
 * Tested in tests/page/dashboard_test.ts and tests/page/currencies_test.ts.
 */
import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Chart } from "./chart.tsx";
import { Currencies } from "./currencies.tsx";
import { CurrencyChoice, hasTabs } from "./currency_choice.tsx";
import type { Dashboard } from "../../data/dashboard.ts";
import { formatDay, isSameDay, NONE } from "../../data/format.ts";
import { Products } from "./products.tsx";
import { split } from "../../data/ranking.ts";
import { Today } from "./today.tsx";

export interface FiguresProps {
  readonly dashboard: Dashboard;
  readonly now: ReadonlySignal<number>;
  readonly isWall: boolean;
}

export function Figures({ dashboard, now, isWall }: FiguresProps) {
  const { shown, clockOffsetMs, isCurrent } = dashboard;
  const picked = useSignal<string | null>(null);
  const first = useRef<string | null>(null);
  // Figures that stay on the screen past midnight are those of a day before.
  const pastDay = useComputed(() => {
    if (shown.value === null || isCurrent.value) return null;
    const { minute } = shown.value.snapshot;
    return isSameDay(minute, now.value + clockOffsetMs.value) ? null : formatDay(minute);
  });
  if (shown.value === null) return dashboard.figuresProblem.value === null ? <Waiting /> : null;
  const { snapshot, ranking } = shown.value;
  const all = snapshot.currencies;
  const { large, rest } = split(ranking, snapshot, isWall ? "wall" : "page");
  const find = (code: string | null) => all.find(({ currency }) => currency === code);
  // Until somebody picks a currency, the page shows the one that was the busiest at first. It stays
  // when another currency overtakes it. Nobody can pick one at a wall, which follows the busiest.
  const current = isWall ? large[0] : find(picked.value) ?? find(first.current) ?? large[0];
  first.current = current?.currency ?? null;
  return (
    <>
      <section class="day" aria-labelledby="today-title">
        <h2 id="today-title">
          <span data-testid="day">{pastDay.value ?? "Today"}</span> <small>since 00:00 UTC</small>
        </h2>
        <div class="todays" data-count={large.length}>
          {all.length === 0
            ? <NoOrders />
            : large.map((figures) => <Today key={figures.currency} figures={figures} />)}
        </div>
      </section>
      {rest.length > 0 && <Currencies rest={rest} isWall={isWall} />}
      {current !== undefined && (
        <section class="last-hour" aria-labelledby="hour-title">
          <h2 id="hour-title">
            Last hour <small>and today's products</small>
          </h2>
          {!isWall && (
            <CurrencyChoice
              currencies={ranking.codes}
              selected={current.currency}
              onSelect={(currency) => (picked.value = currency)}
            />
          )}
          <div id="currency-panel" class="hour" {...panelOf(ranking.codes, current, isWall)}>
            <Chart figures={current} now={snapshot.minute} />
            <Products figures={current} />
          </div>
        </section>
      )}
    </>
  );
}

/** The panel belongs to a tab where there are tabs. */
function panelOf(
  codes: readonly string[],
  { currency }: { readonly currency: string },
  isWall: boolean,
): Record<string, string> {
  return isWall || !hasTabs(codes.length)
    ? {}
    : { role: "tabpanel", "aria-labelledby": `tab-${currency}` };
}

function NoOrders() {
  return (
    <p class="panel today empty" data-testid="no-orders">
      No orders today, so far. The first one shows here as soon as it is committed.
    </p>
  );
}

/** Keeps the place for the first frame, so that nothing below it moves when it comes. */
function Waiting() {
  return (
    <>
      <section class="day" aria-label="Today">
        <h2>
          Today <small>since 00:00 UTC</small>
        </h2>
        <div class="todays">
          <p class="panel today empty">{NONE}</p>
        </div>
      </section>
      <div class="panel products" />
    </>
  );
}
