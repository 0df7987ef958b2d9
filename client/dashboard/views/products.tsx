/**
 * Today's ten best products of a currency, by revenue.
 * Tested in tests/page/dashboard_test.ts.
 */
import type { CurrencyFigures } from "../data/dashboard.ts";
import { formatCount, formatMoney } from "../data/format.ts";

export function Products({ figures }: { figures: CurrencyFigures }) {
  const { currency, topProducts } = figures;
  return (
    <div class="panel products">
      <table>
        <caption>Top products today, {currency}</caption>
        <thead>
          <tr>
            <th scope="col">Product</th>
            <th scope="col">Units</th>
            <th scope="col">Revenue</th>
          </tr>
        </thead>
        <tbody data-testid="top-products">
          {topProducts.map(({ sku, units, revenueMinor }) => (
            <tr key={sku}>
              <th scope="row">{sku}</th>
              <td>{formatCount(units)}</td>
              <td>{formatMoney(revenueMinor, currency)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
