/**
 * Snapshot patches: what has changed between two snapshots of one scope, so that a client which shows
 * the first can show the second. `client/live/patch.ts` applies them.
 *
 * Where two snapshots have no patch, the second is sent in full. That is so between two epochs, and
 * where a snapshot has not the form that the contract promises.
 */
import {
  blankFigures,
  type CurrencyPatch,
  hourTimes,
  hourUpTo,
  type MinuteChange,
  type ProductChange,
  type SnapshotPatch,
} from "../../../client/contract/live_update.ts";
import type {
  CurrencyFigures,
  MinuteSums,
  ProductSums,
  Snapshot,
} from "../../../client/contract/snapshot.ts";

/** The fields beside figures and age. Scope and epoch never change within a patch. */
const FIELDS = ["version", "asOf", "stale", "source", "minute"] as const;
const SUMS = [
  "orders",
  "units",
  "revenueMinor",
  "cancelledOrders",
  "cancelledRevenueMinor",
] as const;

/** The parts of a snapshot that the patches of its currencies depend on. */
export type DatedFigures = Pick<Snapshot, "minute" | "currencies">;

/**
 * The patch that makes `next` of `base`; null: there is none.
 * @param changesOf gives the patches of the currencies, which many subscribers may share.
 */
export function patchOf(
  base: Snapshot,
  next: Snapshot,
  changesOf: typeof currencyPatches = currencyPatches,
): SnapshotPatch | null {
  if (base.scope !== next.scope || base.epoch !== next.epoch) return null;
  const currencies = changesOf(base, next);
  if (currencies === null) return null;
  const fields = { ...changedFields(base, next, FIELDS), ageMs: next.ageMs };
  return currencies.length === 0 ? fields : { ...fields, currencies };
}

/** The patches of the currencies that have changed; null: the figures have not the promised form. */
export function currencyPatches(
  base: DatedFigures,
  next: DatedFigures,
): readonly CurrencyPatch[] | null {
  if (!isRegular(base) || !isRegular(next)) return null;
  const before = new Map(base.currencies.map((figures) => [figures.currency, figures]));
  const patches: CurrencyPatch[] = [];
  for (const figures of next.currencies) {
    const { currency } = figures;
    const known = before.get(currency);
    before.delete(currency);
    const patch = currencyPatch(known ?? blankFigures(currency), figures, next.minute);
    if (known === undefined || Object.keys(patch).length > 0) patches.push({ currency, ...patch });
  }
  for (const currency of before.keys()) patches.push({ currency, removed: true });
  return patches.sort((a, b) => (a.currency < b.currency ? -1 : 1));
}

/** True for currencies in the order of their codes, each with the 60 minutes up to `minute` or none. */
function isRegular({ minute, currencies }: DatedFigures): boolean {
  if (!isTime(minute)) return false;
  const isSorted = currencies.every(({ currency }, index) =>
    index === 0 || currencies[index - 1]!.currency < currency
  );
  const hour = hourTimes(minute);
  return isSorted &&
    currencies.every(({ minutes }) =>
      minutes.length === 0 ||
      minutes.length === hour.length && minutes.every((sums, at) => sums.minute === hour[at])
    );
}

function isTime(minute: string): boolean {
  const ms = Date.parse(minute);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === minute;
}

/** The changes of one currency, without its code. */
function currencyPatch(
  base: CurrencyFigures,
  next: CurrencyFigures,
  minute: string,
): Omit<CurrencyPatch, "currency"> {
  const today = changedFields(base.today, next.today, SUMS);
  const last60m = changedFields(base.last60m, next.last60m, SUMS);
  const minutes = minuteChanges(base.minutes, next.minutes, minute);
  const topProducts = productChanges(base.topProducts, next.topProducts);
  return {
    ...(hasAny(today) ? { today } : {}),
    ...(hasAny(last60m) ? { last60m } : {}),
    ...(base.hasDetail === next.hasDetail ? {} : { hasDetail: next.hasDetail }),
    ...(minutes === undefined ? {} : { minutes }),
    ...(topProducts === undefined ? {} : { topProducts }),
  };
}

/** Undefined: the minutes have moved to `minute`, and nothing else has changed. */
function minuteChanges(
  base: readonly MinuteSums[],
  next: readonly MinuteSums[],
  minute: string,
): readonly MinuteChange[] | null | undefined {
  if (next.length === 0) return base.length === 0 ? undefined : null;
  const isMoved = base.at(-1)?.minute !== minute;
  const before = isMoved ? hourUpTo(minute, base) : base;
  const changes = next.flatMap(({ orders, units, revenueMinor }, index): MinuteChange[] => {
    const old = before[index]!;
    const isSame = old.orders === orders && old.units === units &&
      old.revenueMinor === revenueMinor;
    return isSame ? [] : [[next.length - 1 - index, orders, units, revenueMinor]];
  });
  return changes.length === 0 && base.length > 0 ? undefined : changes;
}

/** Undefined: the list is the same. */
function productChanges(
  base: readonly ProductSums[],
  next: readonly ProductSums[],
): readonly ProductChange[] | undefined {
  const placeOf = new Map(base.map(({ sku }, place) => [sku, place]));
  const changes = next.map(({ sku, units, revenueMinor }): ProductChange => {
    const place = placeOf.get(sku);
    if (place === undefined) return { sku, units, revenueMinor };
    const old = base[place]!;
    const isSame = old.units === units && old.revenueMinor === revenueMinor;
    return isSame ? place : [place, units, revenueMinor];
  });
  const isSame = changes.length === base.length && changes.every((one, place) => one === place);
  return isSame ? undefined : changes;
}

/** The fields of `next` that differ from those of `base`. */
function changedFields<One, Name extends keyof One>(
  base: One,
  next: One,
  names: readonly Name[],
): Partial<Pick<One, Name>> {
  const changed: Partial<Pick<One, Name>> = {};
  for (const name of names) if (base[name] !== next[name]) changed[name] = next[name];
  return changed;
}

function hasAny(fields: object): boolean {
  return Object.keys(fields).length > 0;
}
