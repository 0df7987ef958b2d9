/**
 * Figures that change as folds change them, in memory: a list of orders, a clock and an epoch. Each
 * snapshot is counted anew from all orders, so it knows nothing of patches. Also random snapshots that
 * have nothing to do with each other.
 */
import fc from "fast-check";
import type {
  CurrencyFigures,
  MinuteSums,
  ProductSums,
  Snapshot,
  WindowSums,
} from "../../../client/contract/snapshot.ts";

/** Records as JSON gives them; `fc.record` also makes objects without a prototype. */
const plain = <Fields extends object>(
  fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> },
) => fc.record<Fields>(fields, { noNullPrototype: true });

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const BEGIN = Date.parse("2026-11-22T22:50:00.000Z");
const CURRENCIES = ["CHF", "EUR", "JPY", "USD"];
/** A currency counts as detailed when it is among so many with the most orders. */
const DETAILED = 2;
const TOP = 3;
const SKUS = ["tea", "cup", 'a "quoted" one', "Ä😀\u2028", "__proto__"];

/** An order of the world. A negative number of minutes is none: orders are never of the future. */
export interface WorldOrder {
  readonly currency: number;
  readonly sku: number;
  readonly minutesAgo: number;
  readonly units: number;
  readonly isCancelled: boolean;
}

export const worldOrder: fc.Arbitrary<WorldOrder> = plain({
  currency: fc.nat(CURRENCIES.length - 1),
  sku: fc.nat(SKUS.length - 1),
  minutesAgo: fc.oneof(fc.constant(0), fc.nat(70)),
  units: fc.integer({ min: 1, max: 3 }),
  isCancelled: fc.boolean(),
});

interface Placed extends WorldOrder {
  readonly at: number;
}

export class FiguresWorld {
  readonly #orders: Placed[] = [];
  #now = BEGIN;
  #epoch = 1_764_000_000_000;
  #version = 1;
  #stale = false;
  #reads = 0;
  /** The list that frames share until it is read again. */
  #currencies: readonly CurrencyFigures[] = [];

  fold(orders: readonly WorldOrder[]): void {
    for (const order of orders) {
      this.#orders.push({ ...order, at: this.#now - order.minutesAgo * MINUTE_MS });
    }
    this.#version++;
    this.read();
  }

  pass(minutes: number): void {
    this.#now += minutes * MINUTE_MS;
    this.read();
  }

  /** Begins an epoch, whose versions are small again. */
  rebuild(): void {
    this.#epoch += 1_000;
    this.#version = 1;
    this.read();
  }

  turnStale(): void {
    this.#stale = !this.#stale;
  }

  read(): void {
    this.#reads++;
    this.#currencies = CURRENCIES.flatMap((_, currency) => this.#figuresOf(currency));
  }

  /** The frame of now, as a subscriber of it gets it. */
  frame(ageMs: number): Snapshot {
    return {
      scope: "*",
      epoch: this.#epoch,
      version: this.#version,
      asOf: new Date(this.#now + this.#reads).toISOString(),
      ageMs,
      stale: this.#stale,
      source: ageMs % 2 === 0 ? "live" : "database",
      minute: new Date(this.#now).toISOString(),
      currencies: this.#currencies,
    };
  }

  #figuresOf(currency: number): CurrencyFigures[] {
    const today = this.#of(currency, this.#now - this.#now % DAY_MS);
    const hour = this.#of(currency, this.#hourBegin);
    if (today.length + hour.length === 0) return [];
    const hasDetail = this.#ranked().slice(0, DETAILED).includes(currency);
    return [{
      currency: CURRENCIES[currency]!,
      today: sumsOf(today),
      last60m: sumsOf(hour),
      hasDetail,
      minutes: hasDetail && hour.length > 0 ? this.#minutesOf(hour) : [],
      topProducts: hasDetail ? productsOf(today) : [],
    }];
  }

  get #hourBegin(): number {
    return this.#now - 59 * MINUTE_MS;
  }

  #of(currency: number, from: number): Placed[] {
    return this.#orders.filter((order) => order.currency === currency && order.at >= from);
  }

  #ranked(): number[] {
    const count = (currency: number) => this.#of(currency, this.#hourBegin).length;
    return CURRENCIES.map((_, currency) => currency).sort((a, b) => count(b) - count(a) || a - b);
  }

  #minutesOf(orders: readonly Placed[]): MinuteSums[] {
    return Array.from({ length: 60 }, (_, index) => {
      const at = this.#hourBegin + index * MINUTE_MS;
      const { cancelledOrders: _o, cancelledRevenueMinor: _r, ...sums } = sumsOf(
        orders.filter((order) => order.at === at),
      );
      return { minute: timeOf(at), ...sums };
    });
  }
}

const TIMES = new Map<number, string>();

/** ISO 8601. Writing a time is slow, and ten thousand worlds have the same minutes. */
function timeOf(ms: number): string {
  const known = TIMES.get(ms) ?? new Date(ms).toISOString();
  TIMES.set(ms, known);
  return known;
}

function sumsOf(orders: readonly Placed[]): WindowSums {
  const [cancelled, placed] = [true, false].map((is) =>
    orders.filter(({ isCancelled }) => isCancelled === is)
  ) as [Placed[], Placed[]];
  const units = (of: readonly Placed[]) => of.reduce((sum, order) => sum + order.units, 0);
  return {
    orders: placed.length,
    units: String(units(placed)),
    revenueMinor: String(450 * units(placed)),
    cancelledOrders: cancelled.length,
    cancelledRevenueMinor: String(450 * units(cancelled)),
  };
}

function productsOf(orders: readonly Placed[]): ProductSums[] {
  return SKUS.map((sku, index) => ({
    sku,
    ...sumsOf(orders.filter((order) => order.sku === index)),
  })).filter((sums) => sums.orders > 0)
    .sort((a, b) => Number(b.revenueMinor) - Number(a.revenueMinor) || (a.sku < b.sku ? -1 : 1))
    .slice(0, TOP)
    .map(({ sku, units, revenueMinor }) => ({ sku, units, revenueMinor }));
}

const number = fc.nat(3);
const text = number.map(String);
const windowSums: fc.Arbitrary<WindowSums> = plain({
  orders: number,
  units: text,
  revenueMinor: text,
  cancelledOrders: number,
  cancelledRevenueMinor: text,
});
const product: fc.Arbitrary<ProductSums> = plain({
  sku: fc.constantFrom(...SKUS),
  units: text,
  revenueMinor: text,
});

function figuresAt(minute: number, currency: string): fc.Arbitrary<CurrencyFigures> {
  const sums = fc.tuple(fc.nat(59), number, text, text);
  const minutes = fc.option(fc.array(sums, { maxLength: 4 }), { nil: null }).map((some) =>
    some === null ? [] : Array.from({ length: 60 }, (_, index): MinuteSums => {
      const [, orders, units, revenueMinor] = some.find(([at]) => at === index) ?? [0, 0, "0", "0"];
      const at = new Date(minute - (59 - index) * MINUTE_MS).toISOString();
      return { minute: at, orders, units, revenueMinor };
    })
  );
  return plain({
    currency: fc.constant(currency),
    today: windowSums,
    last60m: windowSums,
    hasDetail: fc.boolean(),
    minutes,
    topProducts: fc.uniqueArray(product, { selector: ({ sku }) => sku }),
  });
}

/** Any snapshot of one scope and epoch that has the form of the contract. */
export const anySnapshot: fc.Arbitrary<Snapshot> = plain({
  minute: fc.integer({ min: -70, max: 70 }).map((by) => BEGIN + by * MINUTE_MS),
  codes: fc.subarray(CURRENCIES),
}).chain(({ minute, codes }) =>
  plain({
    scope: fc.constant("store-1"),
    epoch: fc.constant(7),
    version: number,
    asOf: number.map((ms) => new Date(minute + ms).toISOString()),
    ageMs: number,
    stale: fc.boolean(),
    source: fc.constantFrom("live" as const, "cache" as const, "database" as const),
    minute: fc.constant(new Date(minute).toISOString()),
    currencies: fc.tuple(...codes.map((code) => figuresAt(minute, code))),
  })
);
