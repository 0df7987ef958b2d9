/**
 * The last hour of one currency: a bar of orders for each minute. The bar of the present minute is
 * lighter, because the minute is not over.
 *
 * The canvas has a description for people who cannot see it. A line beneath the chart tells the
 * figures of the minute under the pointer. Without a pointer it tells those of the present minute.
 *
 * Tested in tests/page/dashboard_test.ts.
 */
import { useSignal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { formatCount, formatCounted, formatMinute, formatMoney } from "../../data/format.ts";
import { hourOf } from "../../data/hour.ts";
import type { CurrencyFigures } from "../../data/ranking.ts";
import { createPlot, type Plot } from "./plot.ts";

type Minutes = CurrencyFigures["minutes"];

export interface ChartProps {
  readonly figures: CurrencyFigures;
  /** The minute of the snapshot. */
  readonly now: string;
}

export function Chart({ figures, now }: ChartProps) {
  const { currency, last60m } = figures;
  const minutes = useMemo(() => hourOf(figures, now), [figures, now]);
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const pointedAt = useSignal<number | null>(null);

  useLayoutEffect(() => {
    if (host.current === null) return;
    const created = createPlot(host.current, dataOf(minutes), (index) => {
      pointedAt.value = index;
    });
    plot.current = created;
    return () => created.destroy();
  }, []);
  useLayoutEffect(() => plot.current?.show(dataOf(minutes)), [minutes]);

  const last = minutes.length - 1;
  const index = pointedAt.value ?? last;
  const minute = minutes[index];
  const hasNoDetail = figures.hasDetail === false; // an older instance does not say
  return (
    <figure class="panel chart">
      <figcaption>
        Orders per minute, {currency}
        <small>
          <span data-testid="last-hour-orders">{formatCounted(last60m.orders, "order")}</span>,{" "}
          <Money testId="last-hour-revenue" text={formatMoney(last60m.revenueMinor, currency)} />
        </small>
      </figcaption>
      <div ref={host} class="plot" role="img" aria-label={descriptionOf(figures, minutes)} />
      {hasNoDetail && (
        <p class="readout" data-testid="no-minutes">
          So many currencies are in use that the minutes of this one are not sent.
        </p>
      )}
      {!hasNoDetail && minute !== undefined && (
        <p class="readout" data-testid="minute">
          <span>{formatMinute(minute.minute)} UTC{index === last && ", so far"}</span>
          <span>{formatCounted(minute.orders, "order")}</span>
          <span>{formatCounted(minute.units, "unit")}</span>
          <Money text={formatMoney(minute.revenueMinor, currency)} />
        </p>
      )}
    </figure>
  );
}

/** Money within a line of text. Its number of letters tells the style sheet how large it may be. */
function Money({ text, testId }: { readonly text: string; readonly testId?: string }) {
  return <span class="money" style={{ "--letters": text.length }} data-testid={testId}>{text}
  </span>;
}

/** Three lists: times in seconds, orders of the past minutes, orders of the present minute. */
function dataOf(minutes: Minutes): uPlot.AlignedData {
  const last = minutes.length - 1;
  return [
    minutes.map(({ minute }) => Date.parse(minute) / 1_000),
    minutes.map(({ orders }, index) => index === last ? null : orders),
    minutes.map(({ orders }, index) => index === last ? orders : null),
  ];
}

function descriptionOf({ currency, last60m }: CurrencyFigures, minutes: Minutes): string {
  const most = minutes.reduce((best, minute) => minute.orders > best.orders ? minute : best);
  const peak = most.orders === 0
    ? ""
    : `, at most ${formatCount(most.orders)} a minute, at ${formatMinute(most.minute)} UTC`;
  return `Bar chart of the orders in ${currency} in each minute of the last hour: ` +
    `${formatCount(last60m.orders)} in all${peak}.`;
}
