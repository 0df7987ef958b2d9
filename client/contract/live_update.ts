/**
 * Live updates: the values of `dashboard.livePatches`. The first one is a full snapshot. Each later
 * one is a patch, with the changes since the update before it, or a full snapshot again.
 *
 * `client/live/patch.ts` applies patches, and `server/live/updates/snapshot_patch.ts` makes them.
 * Both begin from the same blank figures and the same moved windows, which stand here.
 *
 * Tested in tests/server/live/updates/snapshot_patch_test.ts.
 */
import type { CurrencyFigures, MinuteSums, ProductSums, Snapshot, WindowSums } from "./snapshot.ts";

/** A full snapshot, or a patch. */
export type LiveUpdate = FullUpdate | PatchUpdate;

/** All figures of the scope. Whatever was shown before is replaced. */
export interface FullUpdate {
  readonly kind: "full";
  /** Counts the updates of one subscription, from 1. */
  readonly number: number;
  readonly snapshot: Snapshot;
}

/** The changes since an earlier update of the same subscription. */
export interface PatchUpdate {
  readonly kind: "patch";
  readonly number: number;
  /** The number of the update whose snapshot the patch changes. */
  readonly base: number;
  readonly patch: SnapshotPatch;
}

/**
 * The changes between two snapshots of one scope and epoch. A field that is left out stays as it was.
 * With a new `minute` the 60 minutes of every currency move too; minutes that come in are blank.
 */
export interface SnapshotPatch
  extends Partial<Pick<Snapshot, "version" | "asOf" | "stale" | "source" | "minute">> {
  /** The age at this moment, which every update tells. */
  readonly ageMs: number;
  /** The currencies with changes, sorted by code. */
  readonly currencies?: readonly CurrencyPatch[];
}

/** The changes of one currency. A currency that was not there begins with blank figures. */
export interface CurrencyPatch {
  readonly currency: string;
  /** True: the currency is gone. It has no other field then. */
  readonly removed?: true;
  /** The fields that have changed. */
  readonly today?: Partial<WindowSums>;
  readonly last60m?: Partial<WindowSums>;
  readonly hasDetail?: boolean;
  /** Null: the list is empty now. A list that was empty begins with 60 blank minutes. */
  readonly minutes?: readonly MinuteChange[] | null;
  /** The whole list, best first. */
  readonly topProducts?: readonly ProductChange[];
}

/** The sums of one minute. It is named by its distance from the snapshot's `minute`, 0 to 59. */
export type MinuteChange = readonly [
  minutesAgo: number,
  orders: number,
  units: string,
  revenueMinor: string,
];

/**
 * A product: its place (from 0) in the list before, if it stays as it was; its place there and its new
 * sums; or a product that was not in that list.
 */
export type ProductChange =
  | number
  | readonly [place: number, units: string, revenueMinor: string]
  | ProductSums;

const WINDOW_MINUTES = 60;
const MINUTE_MS = 60_000;

/** The figures that a patch of a new currency begins with. */
export function blankFigures(currency: string): CurrencyFigures {
  const sums: WindowSums = {
    orders: 0,
    units: "0",
    revenueMinor: "0",
    cancelledOrders: 0,
    cancelledRevenueMinor: "0",
  };
  return { currency, today: sums, last60m: sums, hasDetail: false, minutes: [], topProducts: [] };
}

/**
 * The 60 minutes that end with `minute`, oldest first. A minute that is not among `known` is blank.
 * @param minute ISO 8601. @throws RangeError when it is no time
 */
export function hourUpTo(minute: string, known: readonly MinuteSums[]): MinuteSums[] {
  const sumsOf = new Map(known.map((sums) => [sums.minute, sums]));
  return hourTimes(minute).map((at) =>
    sumsOf.get(at) ?? { minute: at, orders: 0, units: "0", revenueMinor: "0" }
  );
}

/** Hours that were asked for lately. Writing 60 times costs more than all else of a patch. */
const HOURS = new Map<string, readonly string[]>();
const MOST_HOURS = 8;

/** The times of the 60 minutes that end with `minute`. @throws RangeError when it is no time */
export function hourTimes(minute: string): readonly string[] {
  const known = HOURS.get(minute);
  if (known !== undefined) return known;
  const end = Date.parse(minute);
  const times = Array.from(
    { length: WINDOW_MINUTES },
    (_, index) => new Date(end - (WINDOW_MINUTES - 1 - index) * MINUTE_MS).toISOString(),
  );
  if (HOURS.size === MOST_HOURS) HOURS.clear();
  HOURS.set(minute, times);
  return times;
}
