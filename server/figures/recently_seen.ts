/**
 * A bounded set of ids that have been seen: the oldest id is forgotten first.
 *
 * Tested in tests/server/figures/bus_test.ts.
 */
export class RecentlySeen {
  readonly #seen = new Set<string>();

  constructor(readonly capacity: number) {}

  /** Adds `id`. @returns true when it was not in the set */
  add(id: string): boolean {
    if (this.#seen.has(id)) return false;
    this.#seen.add(id);
    if (this.#seen.size > this.capacity) {
      const [oldest] = this.#seen;
      if (oldest !== undefined) this.#seen.delete(oldest);
    }
    return true;
  }
}
