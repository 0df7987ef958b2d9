/**
 * The card of one currency: today's revenue, orders and units, and the cancelled orders if there are
 * any.
 * Tested in tests/page/dashboard_test.ts and tests/page/numbers_test.ts.
 */
import { Fit } from "./fit.tsx";
import { formatCount, formatCountShort, formatMoney, formatMoneyShort } from "../../data/format.ts";
import type { CurrencyFigures } from "../../data/ranking.ts";

export function Today({ figures: { currency, today } }: { figures: CurrencyFigures }) {
  return (
    <article class="panel today" data-currency={currency} aria-label={currency}>
      <dl>
        <div class="main">
          <dt>Revenue, {currency}</dt>
          <dd>
            <Fit
              testId="today-revenue"
              text={formatMoney(today.revenueMinor, currency)}
              short={formatMoneyShort(today.revenueMinor, currency)}
            />
          </dd>
        </div>
        <Count name="Orders" testId="today-orders" count={today.orders} />
        <Count name="Units" testId="today-units" count={today.units} />
        {today.cancelledOrders > 0 && (
          <div>
            <dt>Cancelled</dt>
            <dd data-testid="today-cancelled">
              <Fit
                text={formatCount(today.cancelledOrders)}
                short={formatCountShort(today.cancelledOrders)}
              />{" "}
              <small>
                <Fit
                  text={formatMoney(today.cancelledRevenueMinor, currency)}
                  short={formatMoneyShort(today.cancelledRevenueMinor, currency)}
                />
              </small>
            </dd>
          </div>
        )}
      </dl>
    </article>
  );
}

interface CountProps {
  readonly name: string;
  readonly testId: string;
  readonly count: number | string;
}

function Count({ name, testId, count }: CountProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <Fit testId={testId} text={formatCount(count)} short={formatCountShort(count)} />
      </dd>
    </div>
  );
}
