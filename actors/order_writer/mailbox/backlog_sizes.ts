/**
 * The sizes of all backlogs by one measure. It tells which backlog is the longest, and how much all of
 * them have below a limit. Backlogs of one size stand together, so both cost one step for each
 * different size: at most √(2n) of them when n units wait.
 */

export class BacklogSizes<Backlog> {
  readonly #ofSize = new Map<number, Set<Backlog>>();

  /** @param unit the measure's step: a size counts as the next full number of units. */
  constructor(readonly unit: number) {}

  /** Notes that a backlog has changed its size. 0 is none. */
  move(backlog: Backlog, from: number, to: number): void {
    const [before, after] = [this.#unitsOf(from), this.#unitsOf(to)];
    if (before === after) return;
    const left = this.#ofSize.get(before);
    if (left?.delete(backlog) && left.size === 0) this.#ofSize.delete(before);
    if (after === 0) return;
    const joined = this.#ofSize.get(after);
    if (joined === undefined) this.#ofSize.set(after, new Set([backlog]));
    else joined.add(backlog);
  }

  /** A backlog that no other one exceeds by a unit; null: there is none. */
  longest(): Backlog | null {
    const [first] = this.#ofSize.get(Math.max(...this.#ofSize.keys())) ?? [];
    return first ?? null;
  }

  /** The units of all backlogs, of each at most `limit`. */
  unitsBelow(limit: number): number {
    let units = 0;
    for (const [size, backlogs] of this.#ofSize) units += Math.min(size, limit) * backlogs.size;
    return units;
  }

  #unitsOf(size: number): number {
    return Math.ceil(size / this.unit);
  }
}
