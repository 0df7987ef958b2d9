/**
 * Sample orders of four shops of a small household-goods chain. They are made from a seed, so that
 * two runs with one seed place the same orders.
 *
 * The ids of the stores end with a suffix of the run. These stores are new to the database, so
 * every order in them was placed by this run.
 */
import type { PlaceInput } from "../../../client/contract/order.ts";

interface Store {
  readonly name: string;
  readonly currency: string;
  /** The worth of one euro cent, in the currency's minor unit. */
  readonly minorPerCent: number;
}

/** The busiest first. */
const STORES: readonly Store[] = [
  { name: "berlin", currency: "EUR", minorPerCent: 1 },
  { name: "lyon", currency: "EUR", minorPerCent: 1 },
  { name: "chicago", currency: "USD", minorPerCent: 1.1 },
  { name: "osaka", currency: "JPY", minorPerCent: 1.6 },
];

/** Stock keeping units and their prices in euro cents, the best-selling first. */
const CATALOGUE: readonly (readonly [sku: string, cents: number])[] = [
  ["mug-stoneware-350ml", 1_290],
  ["tea-towel-linen", 990],
  ["candle-beeswax", 1_450],
  ["storage-jar-1l", 790],
  ["coffee-filter-no4-100", 349],
  ["chopping-board-oak", 3_490],
  ["desk-lamp-brass", 8_900],
  ["espresso-pot-6-cups", 3_995],
  ["frying-pan-28cm", 5_990],
  ["salad-bowl-olive-wood", 4_250],
  ["cutlery-set-24", 11_900],
  ["wool-blanket-grey", 7_450],
  ["bread-knife-22cm", 2_795],
  ["plant-pot-terracotta-18cm", 1_150],
  ["wall-clock-30cm", 4_400],
  ["cast-iron-casserole-5l", 18_900],
];

const MAX_LINES = 4;
const MAX_QUANTITY = 3;
const CUSTOMERS = 500;

/** The ids of a run's stores. */
export function sampleStores(suffix: string): string[] {
  return STORES.map(({ name }) => `${name}-${suffix}`);
}

/** Returns a function that makes the next order, each with a key of its own. */
export function sampleOrders(options: { suffix: string; seed: number }): () => PlaceInput {
  const random = seededRandom(options.seed);
  const upTo = (bound: number) => Math.floor(random() * bound);
  let made = 0;
  return () => {
    // The square favours the beginning of a list: some stores and products sell more than others.
    const store = pick(STORES, random() ** 2);
    const lines = new Map<string, { sku: string; quantity: number; unitPriceMinor: number }>();
    for (let line = 1 + upTo(MAX_LINES); line > 0; line--) {
      const [sku, cents] = pick(CATALOGUE, random() ** 2);
      const unitPriceMinor = Math.round(cents * store.minorPerCent);
      lines.set(sku, { sku, quantity: 1 + upTo(MAX_QUANTITY), unitPriceMinor });
    }
    return {
      storeId: `${store.name}-${options.suffix}`,
      idempotencyKey: `sample-${++made}`,
      currency: store.currency,
      lines: [...lines.values()],
      customerRef: `customer-${1 + upTo(CUSTOMERS)}`,
      metadata: { channel: random() < 0.7 ? "web" : "till" },
    };
  };
}

/** @param share the place in the list, from 0 to 1, exclusive */
function pick<T>(list: readonly T[], share: number): T {
  const item = list[Math.floor(share * list.length)];
  if (item === undefined) throw new RangeError(`${share} is not from 0 to 1`);
  return item;
}

/** Numbers from 0 to 1, exclusive: an xorshift generator (Marsaglia, 2003). Not for secrets. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0 || 1; // zero would stay zero
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
