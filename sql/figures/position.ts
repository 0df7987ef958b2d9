/**
 * A position tells how far the figures have come, as dashboards see it. Versions count within an
 * epoch. A new epoch begins when the figures start over.
 *
 * Tested in tests/server/live/known_folds_test.ts.
 */

export interface Position {
  readonly epoch: number;
  readonly version: number;
}

/** Below zero when `a` is older than `b`. */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.version - b.version;
}

/**
 * The newest position that the database has told this instance. An instance has one of these: its
 * folds, its reads of figures and its regular check report to it, and all ask it.
 *
 * When the database is behind this position, the next fold begins a new epoch. Only the database's
 * own word may cause that. So notices do not report here: another instance wrote them.
 */
export class NewestPosition {
  #position: Position | null = null;

  /** Null before the first report. */
  get position(): Position | null {
    return this.#position;
  }

  /** Reports a position. An older one changes nothing. */
  see({ epoch, version }: Position): void {
    const isNewer = this.#position === null ||
      comparePositions({ epoch, version }, this.#position) > 0;
    if (isNewer) this.#position = { epoch, version };
  }
}
