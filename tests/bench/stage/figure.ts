/** The report of a bench: a figure, and its ratio to another figure of the same run. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The least and the most of the rounds. */
  readonly spread?: readonly [number, number];
  /** `value` divided by the value of another figure of this run. */
  readonly ratio?: {
    readonly to: string;
    readonly value: number;
    /** The least and the most of the rounds. */
    readonly spread?: readonly [number, number];
  };
  /** The wished result, in words. */
  readonly aim?: string;
}

export interface Bench {
  readonly name: string;
  run(): Promise<Figure[]>;
}

/** The middle value, or the mean of the two middle values of an even number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** Rounds to four significant digits, for people. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** The least and the most of the values. */
export function spread(values: readonly number[]): readonly [number, number] {
  return [Math.min(...values), Math.max(...values)];
}
