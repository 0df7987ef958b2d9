/**
 * The figures that a dashboard must show, added up by plain code from entries of sales.
 *
 * The ledger follows the contract's page on snapshots. It does not know how Weir keeps its figures,
 * so a frame can be compared with it in full.
 */
import type { Snapshot } from "../../../client/mod.ts";

type CurrencyFigures = Snapshot["currencies"][number];

/** Amounts that are added up: placed orders less cancelled ones, and the cancelled ones apart. */
export interface Amounts {
  readonly orders: bigint;
  readonly units: bigint;
  readonly revenueMinor: bigint;
  readonly cancelledOrders: bigint;
  readonly cancelledRevenueMinor: bigint;
}

export interface MinuteEntry {
  readonly store: string;
  readonly currency: string;
  /** Unix milliseconds of a UTC minute. */
  readonly minute: number;
  readonly amounts: Amounts;
}

export interface ProductEntry {
  readonly store: string;
  readonly currency: string;
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly sku: string;
  readonly units: bigint;
  readonly revenueMinor: bigint;
}

type Product = Pick<ProductEntry, "sku" | "units" | "revenueMinor">;

/** The amounts of one scope and currency. */
interface Account {
  readonly minutes: Map<number, Amounts>;
  /** Products by day, then by sku. */
  readonly products: Map<string, Map<string, Product>>;
}

const ALL = "*";
const MINUTE_MS = 60_000;
const MINUTES = 60;
const BEST = 10;
const NOTHING: Amounts = {
  orders: 0n,
  units: 0n,
  revenueMinor: 0n,
  cancelledOrders: 0n,
  cancelledRevenueMinor: 0n,
};

export class Ledger {
  /** Accounts by scope, then by currency. */
  readonly #accounts = new Map<string, Map<string, Account>>();

  add({ store, currency, minute, amounts }: MinuteEntry): void {
    for (const { minutes } of this.#accountsOf(store, currency)) {
      minutes.set(minute, sum([minutes.get(minute) ?? NOTHING, amounts]));
    }
  }

  addProduct({ store, currency, day, sku, units, revenueMinor }: ProductEntry): void {
    for (const { products } of this.#accountsOf(store, currency)) {
      const ofDay = products.get(day) ?? new Map<string, Product>();
      const before = ofDay.get(sku) ?? { units: 0n, revenueMinor: 0n };
      ofDay.set(sku, {
        sku,
        units: before.units + units,
        revenueMinor: before.revenueMinor + revenueMinor,
      });
      products.set(day, ofDay);
    }
  }

  /** The `currencies` of a snapshot of `scope` whose windows end with `minute` (ISO 8601). */
  figures(scope: string, minute: string): CurrencyFigures[] {
    const accounts = [...this.#accounts.get(scope) ?? []].sort(([a], [b]) => (a < b ? -1 : 1));
    return accounts.flatMap(([currency, account]) => figuresOf(currency, account, minute) ?? []);
  }

  #accountsOf(store: string, currency: string): Account[] {
    return [store, ALL].map((scope) => {
      const ofScope = this.#accounts.get(scope) ?? new Map<string, Account>();
      const account = ofScope.get(currency) ?? { minutes: new Map(), products: new Map() };
      this.#accounts.set(scope, ofScope.set(currency, account));
      return account;
    });
  }
}

/** Null when this currency had no order in the windows. */
function figuresOf(currency: string, account: Account, minute: string): CurrencyFigures | null {
  const newest = Date.parse(minute);
  const today = minute.slice(0, 10);
  const entries = [...account.minutes];
  const ofToday = entries.filter(([at]) => dayOf(at) === today).map(([, amounts]) => amounts);
  const ofHour = entries.filter(([at]) => at > newest - MINUTES * MINUTE_MS && at <= newest)
    .map(([, amounts]) => amounts);
  if (ofToday.length === 0 && ofHour.length === 0) return null;
  return {
    currency,
    today: shown(sum(ofToday)),
    last60m: shown(sum(ofHour)),
    hasDetail: true,
    minutes: ofHour.length === 0 ? [] : Array.from({ length: MINUTES }, (_, index) => {
      const at = newest - (MINUTES - 1 - index) * MINUTE_MS;
      const { orders, units, revenueMinor } = shown(account.minutes.get(at) ?? NOTHING);
      return { minute: new Date(at).toISOString(), orders, units, revenueMinor };
    }),
    topProducts: best([...account.products.get(today)?.values() ?? []]),
  };
}

function best(products: readonly Product[]): CurrencyFigures["topProducts"] {
  return products.filter(({ units, revenueMinor }) => units !== 0n || revenueMinor !== 0n)
    .sort((a, b) => {
      if (a.revenueMinor !== b.revenueMinor) return a.revenueMinor > b.revenueMinor ? -1 : 1;
      return a.sku < b.sku ? -1 : 1;
    })
    .slice(0, BEST)
    .map(({ sku, units, revenueMinor }) => ({
      sku,
      units: units.toString(),
      revenueMinor: revenueMinor.toString(),
    }));
}

function sum(parts: readonly Amounts[]): Amounts {
  return parts.reduce((total, part) => ({
    orders: total.orders + part.orders,
    units: total.units + part.units,
    revenueMinor: total.revenueMinor + part.revenueMinor,
    cancelledOrders: total.cancelledOrders + part.cancelledOrders,
    cancelledRevenueMinor: total.cancelledRevenueMinor + part.cancelledRevenueMinor,
  }), NOTHING);
}

function shown(amounts: Amounts): CurrencyFigures["today"] {
  return {
    orders: Number(amounts.orders),
    units: amounts.units.toString(),
    revenueMinor: amounts.revenueMinor.toString(),
    cancelledOrders: Number(amounts.cancelledOrders),
    cancelledRevenueMinor: amounts.cancelledRevenueMinor.toString(),
  };
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
