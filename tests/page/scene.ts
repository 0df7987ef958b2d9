/**
 * The scene of a page test: an instance, a browser, orders, keys, and the sizes of screens.
 */
import type { Browser, ViewportSize } from "playwright-core";
import type { PlaceInput } from "../../client/mod.ts";
import { createApiKey } from "../../sql/api_keys.ts";
import { openDatabase } from "../../sql/connection/database.ts";
import { awayFromMidnight } from "../support/load/midnight.ts";
import { withBrowser } from "./chromium.ts";
import { type TestService, withService } from "./service.ts";

export const SCREENS = {
  small: { width: 320, height: 568 },
  phone: { width: 390, height: 844 },
  phoneOnItsSide: { width: 844, height: 390 },
  laptop: { width: 1_366, height: 768 },
  /** A laptop whose page is zoomed to 200 %. */
  zoomed: { width: 683, height: 384 },
  wall: { width: 2_560, height: 1_440 },
  largeWall: { width: 3_840, height: 2_160 },
  uprightWall: { width: 1_440, height: 2_560 },
} as const satisfies Record<string, ViewportSize>;

/** Codes of ISO 4217, of which one has no minor unit and two have three digits. */
export const CODES =
  ("AED AUD BHD BRL CAD CHF CLP CNY CZK DKK EUR GBP HKD HUF IDR INR JPY KRW KWD " +
    "MXN MYR NOK NZD PHP PLN SEK SGD THB TRY USD").split(" ");

/** Runs `test` with an instance and a browser. */
export async function inBrowser(
  test: (browser: Browser, service: TestService) => Promise<void>,
  reach?: (databaseUrl: string) => string,
): Promise<void> {
  await awayFromMidnight();
  await withService((service) => withBrowser((browser) => test(browser, service)), reach);
}

/** An order of these lines. */
export function order(
  storeId: string,
  currency: string,
  lines: readonly (readonly [sku: string, quantity: number, unitPriceMinor: number])[],
): PlaceInput {
  return {
    storeId,
    idempotencyKey: crypto.randomUUID(),
    currency,
    lines: lines.map(([sku, quantity, unitPriceMinor]) => ({ sku, quantity, unitPriceMinor })),
  };
}

/** An order of 4,000,000,009,798.25, in a currency with two minor digits. */
export function trillions(currency: string): PlaceInput {
  return order("shop", currency, [["gem", 400, 10 ** 12], ["pin", 1, 979_825]]);
}

/** Places `orders` in one call. @throws Error when one of them is refused */
export async function placeAll(
  { api }: TestService,
  orders: readonly PlaceInput[],
): Promise<string[]> {
  const { results } = await api.orders.placeMany.mutate({ orders: [...orders] });
  return results.map((result) => {
    if (!result.ok) throw new Error(result.error.message);
    return result.orderId;
  });
}

/** Places orders in all of `CODES`: USD has the most, and AED one. */
export async function placeInAllCurrencies(service: TestService): Promise<void> {
  await placeAll(
    service,
    CODES.flatMap((currency, index) =>
      Array.from(
        { length: index + 1 },
        () => order("shop", currency, [[`tea-${currency}`, 2, 450]]),
      )
    ),
  );
}

/** Makes a key. */
export async function keyFor(
  { database }: TestService,
  scopes: Parameters<typeof createApiKey>[1]["scopes"],
  storeIds: string | readonly string[] | null,
): Promise<string> {
  const opened = openDatabase({
    url: database.url,
    statementTimeoutMs: 5_000,
    writeConnections: 1,
  });
  const { token } = await createApiKey(opened.write, {
    label: "page test",
    scopes,
    storeIds: storeIds === null ? null : [storeIds].flat(),
  });
  await opened.end();
  return token;
}
