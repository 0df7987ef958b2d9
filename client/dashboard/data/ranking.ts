/**
 * The ranking of the currencies: the busiest first. It counts the orders of the last 60 minutes, then
 * those of today, then the code.
 *
 * Pure. Places change at the turn of a minute alone, so that no card jumps while somebody reads it. A
 * currency that is new within a minute comes last until then.
 */
import type { Snapshot } from "../../mod.ts";

export type CurrencyFigures = Snapshot["currencies"][number];

export interface Ranking {
  /** The minute of the snapshot that the ranking was made from. */
  readonly minute: string;
  readonly codes: readonly string[];
}

/** A page shows at most this many currencies large. With more, the busiest `LARGE` are large. */
const MOST_LARGE = { page: 6, wall: 4 };
const LARGE = 3;

/**
 * The ranking with the figures of `snapshot`.
 * @param before the ranking that is shown; null: there is none.
 */
export function rank(before: Ranking | null, { minute, currencies }: Snapshot): Ranking {
  const fresh = currencies.toSorted(compare).map(({ currency }) => currency);
  if (before === null || before.minute !== minute) return { minute, codes: fresh };
  const kept = before.codes.filter((code) => fresh.includes(code));
  const added = fresh.filter((code) => !kept.includes(code));
  return { minute, codes: [...kept, ...added] };
}

/** The figures in the order of `ranking`: those shown large, and the rest. */
export function split(
  { codes }: Ranking,
  { currencies }: Snapshot,
  place: "page" | "wall",
): { large: CurrencyFigures[]; rest: CurrencyFigures[] } {
  const found = new Map(currencies.map((figures) => [figures.currency, figures]));
  const all = codes.flatMap((code) => found.get(code) ?? []);
  const count = all.length <= MOST_LARGE[place] ? all.length : LARGE;
  return { large: all.slice(0, count), rest: all.slice(count) };
}

function compare(a: CurrencyFigures, b: CurrencyFigures): number {
  return b.last60m.orders - a.last60m.orders || b.today.orders - a.today.orders ||
    (a.currency < b.currency ? -1 : 1);
}
