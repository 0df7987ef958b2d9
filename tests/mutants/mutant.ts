/** A mutant: one deliberate mistake in the code, and the tests that must notice it. */

export interface Mutant {
  /** The mistake, in words. */
  readonly name: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** A group and a filter as `tests/run.ts` takes them; the run must fail. */
  readonly tests: readonly [group: string, filter: string];
}
