/** A mutant: one deliberate mistake in the code, and the tests that must notice it. */

export interface Mutant {
  /** The mistake, in words. */
  readonly name: string;
  readonly file: string;
  /** The text to replace. It is in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** A group and a filter as `tests/run.ts` takes them; the run must fail. */
  readonly tests: readonly [group: string, filter: string];
}
