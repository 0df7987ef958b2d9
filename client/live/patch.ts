/**
 * Patches: the changes that `dashboard.livePatches` sends, applied to the figures that a client shows.
 * The result equals the full snapshot that the patch stands for.
 *
 * A patch that does not fit is never applied in part. `UnfitPatch` is thrown, and the client
 * subscribes again: the first update of a subscription is full.
 *
 * Parts that have not changed are the same objects as before, so a view can tell by `===` what to
 * draw again. The file needs nothing of a runtime, and no package.
 */
import {
  blankFigures,
  type CurrencyPatch,
  hourUpTo,
  type LiveUpdate,
  type MinuteChange,
  type ProductChange,
  type SnapshotPatch,
} from "../contract/live_update.ts";
import type { CurrencyFigures, MinuteSums, ProductSums, Snapshot } from "../contract/snapshot.ts";

/** A patch was made for another snapshot than the one that is shown. */
export class UnfitPatch extends Error {
  constructor(why: string) {
    super(`the patch does not fit: ${why}`);
    this.name = "UnfitPatch";
  }
}

/** The snapshot that a client shows, with the number of the update that brought it. */
export interface ShownUpdate {
  readonly number: number;
  readonly snapshot: Snapshot;
}

/**
 * The snapshot to show after an update.
 * @param shown the answer of the call before; null: none, or another subscription has begun.
 * @throws UnfitPatch when the update is a patch of another snapshot
 */
export function applyUpdate(shown: ShownUpdate | null, update: LiveUpdate): ShownUpdate {
  const { number } = update;
  if (update.kind === "full") return { number, snapshot: update.snapshot };
  if (shown?.number !== update.base) {
    throw new UnfitPatch(
      `it changes update ${update.base}, and ${shown?.number ?? "none"} is shown`,
    );
  }
  return { number, snapshot: applyPatch(shown.snapshot, update.patch) };
}

/**
 * The snapshot that a patch makes of its base. `base` itself stays as it is.
 * @throws UnfitPatch when the patch names what the base does not have
 */
export function applyPatch(base: Snapshot, patch: SnapshotPatch): Snapshot {
  const { currencies: changes = [], ...fields } = patch;
  const snapshot: Snapshot = { ...base, ...fields };
  const hasMoved = snapshot.minute !== base.minute;
  if (changes.length === 0 && !hasMoved) return snapshot;
  if (Number.isNaN(Date.parse(snapshot.minute))) throw new UnfitPatch("its minute is no time");
  const byCode = new Map(
    base.currencies.map((one) => [one.currency, hasMoved ? moved(one, snapshot.minute) : one]),
  );
  for (const change of changes) {
    const { currency } = change;
    const before = byCode.get(currency);
    if (change.removed !== true) {
      byCode.set(currency, changed(before ?? blankFigures(currency), change, snapshot.minute));
    } else if (!byCode.delete(currency)) throw new UnfitPatch(`there is no ${currency} to remove`);
  }
  const currencies = [...byCode.values()].sort((a, b) => (a.currency < b.currency ? -1 : 1));
  return { ...snapshot, currencies };
}

/** The same figures with their minutes up to `minute`. */
function moved(figures: CurrencyFigures, minute: string): CurrencyFigures {
  const { minutes } = figures;
  return minutes.length === 0 ? figures : { ...figures, minutes: hourUpTo(minute, minutes) };
}

function changed(before: CurrencyFigures, change: CurrencyPatch, minute: string): CurrencyFigures {
  const { today, last60m, hasDetail = before.hasDetail, minutes, topProducts } = change;
  return {
    currency: before.currency,
    today: today === undefined ? before.today : { ...before.today, ...today },
    last60m: last60m === undefined ? before.last60m : { ...before.last60m, ...last60m },
    hasDetail,
    minutes: minutes === undefined
      ? before.minutes
      : changedMinutes(before.minutes, minutes, minute),
    topProducts: topProducts === undefined
      ? before.topProducts
      : topProducts.map((product) => changedProduct(before.topProducts, product)),
  };
}

function changedMinutes(
  before: readonly MinuteSums[],
  changes: readonly MinuteChange[] | null,
  minute: string,
): readonly MinuteSums[] {
  if (changes === null) return [];
  const minutes = before.length === 0 ? hourUpTo(minute, []) : [...before];
  for (const [minutesAgo, orders, units, revenueMinor] of changes) {
    const place = minutes.length - 1 - minutesAgo;
    const old = minutes[place];
    if (old === undefined) throw new UnfitPatch(`there is no minute ${minutesAgo} before the last`);
    minutes[place] = { minute: old.minute, orders, units, revenueMinor };
  }
  return minutes;
}

function changedProduct(before: readonly ProductSums[], change: ProductChange): ProductSums {
  if (typeof change === "object" && "sku" in change) return change;
  const place = typeof change === "number" ? change : change[0];
  const product = before[place];
  if (product === undefined) throw new UnfitPatch(`there is no product at place ${place}`);
  if (typeof change === "number") return product;
  const [, units, revenueMinor] = change;
  return { sku: product.sku, units, revenueMinor };
}
