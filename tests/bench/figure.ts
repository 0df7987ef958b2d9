/** What a bench reports: a figure, and what it is a ratio to within the same run. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** `value` over that of another figure of this run. */
  readonly ratio?: { readonly to: string; readonly value: number };
  /** What is hoped for, in words. */
  readonly aim?: string;
}

export interface Bench {
  readonly name: string;
  run(): Promise<Figure[]>;
}

/** The middle one; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** For people: at most four digits that mean something. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
