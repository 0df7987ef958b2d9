/**
 * Positions: how far the figures have come, as dashboards see it. Versions count within an epoch; an
 * epoch ends when the figures begin anew.
 */

export interface Position {
  readonly epoch: number;
  readonly version: number;
}

/** Below zero when `a` is older than `b`. */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.version - b.version;
}

/** The newest position that was seen; null before the first. */
export class NewestPosition {
  #position: Position | null = null;

  get position(): Position | null {
    return this.#position;
  }

  /** Takes in a position, which may be an older one. */
  see({ epoch, version }: Position): void {
    const isNewer = this.#position === null ||
      comparePositions({ epoch, version }, this.#position) > 0;
    if (isNewer) this.#position = { epoch, version };
  }
}
