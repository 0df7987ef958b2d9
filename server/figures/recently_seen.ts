/** A bounded memory of what has been seen: the oldest is forgotten first. */
export class RecentlySeen {
  readonly #seen = new Set<string>();

  constructor(readonly capacity: number) {}

  /** True when `id` is new here. */
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
