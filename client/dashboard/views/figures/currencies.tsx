/**
 * The currencies after the busiest ones, as a table. A long one stands in several columns. A wall
 * cannot scroll, so it shows as many as fit and says how many more there are.
 * Tested in tests/page/currencies_test.ts.
 */
import { Fit } from "./fit.tsx";
import {
  formatCount,
  formatCounted,
  formatCountShort,
  formatMoney,
  formatMoneyShort,
} from "../../data/format.ts";
import type { CurrencyFigures } from "../../data/ranking.ts";

export interface CurrenciesProps {
  readonly rest: readonly CurrencyFigures[];
  readonly isWall: boolean;
}

const MOST_COLUMNS = { page: 3, wall: 2 };
/** A column of a page has at least this many rows before there is another one. */
const MIN_ROWS = 6;
const WALL_ROWS = 14;

export function Currencies({ rest, isWall }: CurrenciesProps) {
  const most = isWall ? MOST_COLUMNS.wall : MOST_COLUMNS.page;
  const shown = isWall ? rest.slice(0, most * WALL_ROWS) : rest;
  const hidden = rest.slice(shown.length);
  const columns = isWall
    ? Math.ceil(shown.length / WALL_ROWS)
    : Math.min(most, Math.ceil(shown.length / MIN_ROWS));
  const rows = Math.ceil(shown.length / columns);
  return (
    <section class="rest" aria-labelledby="rest-title">
      <h2 id="rest-title">
        Other currencies today <small>busiest in the last hour first</small>
      </h2>
      <div class="panel columns" data-columns={columns}>
        {Array.from({ length: columns }, (_, column) => (
          <Column
            key={column}
            figures={shown.slice(column * rows, (column + 1) * rows)}
            caption={columns === 1
              ? "Other currencies"
              : `Other currencies, part ${column + 1} of ${columns}`}
          />
        ))}
        {hidden.length > 0 && (
          <p class="more" data-testid="more-currencies">
            and {hidden.length} more, with{" "}
            {formatCounted(hidden.reduce((sum, { today }) => sum + today.orders, 0), "order")}
          </p>
        )}
      </div>
    </section>
  );
}

function Column({ figures, caption }: {
  readonly figures: readonly CurrencyFigures[];
  readonly caption: string;
}) {
  return (
    <table>
      <caption class="hidden">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">Currency</th>
          <th scope="col">Orders</th>
          <th scope="col" class="wide">Revenue</th>
        </tr>
      </thead>
      <tbody>
        {figures.map(({ currency, today }) => (
          <tr key={currency} data-currency={currency} data-testid="rest-currency">
            <th scope="row">{currency}</th>
            <td>
              <Fit text={formatCount(today.orders)} short={formatCountShort(today.orders)} />
            </td>
            <td>
              <Fit
                text={formatMoney(today.revenueMinor, currency)}
                short={formatMoneyShort(today.revenueMinor, currency)}
              />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
