/**
 * The figures: today by currency, and the last hour and the best products of one currency.
 */
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Chart } from "./chart.tsx";
import { CurrencyTabs } from "./currency_tabs.tsx";
import type { CurrencyFigures, Dashboard } from "../data/dashboard.ts";
import { formatCount, formatMoney, NONE } from "../data/format.ts";
import { Products } from "./products.tsx";

export function Figures({ dashboard: { shown } }: { dashboard: Dashboard }) {
  const picked = useSignal<string | null>(null);
  const first = useRef<string | null>(null);
  if (shown.value === null) return <Waiting />;
  const all = shown.value.snapshot.currencies;
  const find = (code: string | null) => all.find(({ currency }) => currency === code);
  // Until somebody picks a currency, the page shows the one that was the busiest at first. It stays
  // when another currency overtakes it.
  const current = find(picked.value) ?? find(first.current) ?? busiest(all);
  first.current = current?.currency ?? null;
  return (
    <>
      <section aria-labelledby="today-title">
        <h2 id="today-title">
          Today <small>since 00:00 UTC</small>
        </h2>
        <div class="todays">
          {all.length === 0
            ? <NoOrders />
            : all.map((figures) => <Today key={figures.currency} figures={figures} />)}
        </div>
      </section>
      {current !== undefined && (
        <section aria-labelledby="hour-title">
          <h2 id="hour-title">
            Last hour <small>and today's products</small>
          </h2>
          <CurrencyTabs
            currencies={all.map(({ currency }) => currency)}
            selected={current.currency}
            onSelect={(currency) => (picked.value = currency)}
          />
          <div
            id="currency-panel"
            class="hour"
            {...(all.length > 1
              ? { role: "tabpanel", "aria-labelledby": `tab-${current.currency}` }
              : {})}
          >
            <Chart figures={current} />
            <Products figures={current} />
          </div>
        </section>
      )}
    </>
  );
}

function Today({ figures: { currency, today } }: { figures: CurrencyFigures }) {
  return (
    <article class="panel today" data-currency={currency} aria-label={currency}>
      <dl>
        <div class="main">
          <dt>Revenue, {currency}</dt>
          <dd data-testid="today-revenue">{formatMoney(today.revenueMinor, currency)}</dd>
        </div>
        <div>
          <dt>Orders</dt>
          <dd data-testid="today-orders">{formatCount(today.orders)}</dd>
        </div>
        <div>
          <dt>Units</dt>
          <dd data-testid="today-units">{formatCount(today.units)}</dd>
        </div>
        {today.cancelledOrders > 0 && (
          <div>
            <dt>Cancelled</dt>
            <dd data-testid="today-cancelled">
              {formatCount(today.cancelledOrders)}{" "}
              <small>{formatMoney(today.cancelledRevenueMinor, currency)}</small>
            </dd>
          </div>
        )}
      </dl>
    </article>
  );
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
      <section aria-label="Today">
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

function busiest(all: readonly CurrencyFigures[]): CurrencyFigures | undefined {
  return all.toSorted((a, b) => b.today.orders - a.today.orders)[0];
}
