/**
 * Today's ten best products of a currency, by revenue.
 *
 * A SKU is any text: of any direction, with spaces that count, or with nothing to see. It is set
 * apart from the text around it, and its spaces stay.
 *
 * Tested in tests/page/dashboard_test.ts and tests/page/numbers_test.ts.
 */
import { Fit } from "./fit.tsx";
import { formatCount, formatCountShort, formatMoney, formatMoneyShort } from "../../data/format.ts";
import type { CurrencyFigures } from "../../data/ranking.ts";

/** Letters, digits, signs and pictures are seen. Spaces, marks and controls alone are not. */
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

export function Products({ figures }: { figures: CurrencyFigures }) {
  const { currency, topProducts, hasDetail } = figures;
  return (
    <div class="panel products">
      <table>
        <caption>Top products today, {currency}</caption>
        <thead>
          <tr>
            <th scope="col" class="wide">Product</th>
            <th scope="col">Units</th>
            <th scope="col" class="middle">Revenue</th>
          </tr>
        </thead>
        <tbody data-testid="top-products">
          {topProducts.map(({ sku, units, revenueMinor }) => (
            <tr key={sku}>
              <th scope="row" title={sku}>
                <Sku sku={sku} />
              </th>
              <td>
                <Fit text={formatCount(units)} short={formatCountShort(units)} />
              </td>
              <td>
                <Fit
                  text={formatMoney(revenueMinor, currency)}
                  short={formatMoneyShort(revenueMinor, currency)}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {topProducts.length === 0 && (
        <p class="none" data-testid="no-products">
          {hasDetail === false
            ? "The products are not sent either."
            : "No product has been sold today."}
        </p>
      )}
    </div>
  );
}

function Sku({ sku }: { readonly sku: string }) {
  return VISIBLE.test(sku)
    ? <bdi class="sku">{sku}</bdi>
    : <small class="sku">{`no letters: ${escaped(sku)}`}</small>;
}

/** The code points of `text`, such as `U+200B`. */
function escaped(text: string): string {
  return [...text].map((letter) =>
    `U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`
  ).join(" ");
}
