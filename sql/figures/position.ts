/**
 * Positions: how far the figures have come, as dashboards see it. Versions count within an epoch. A
 * new epoch begins when the figures start over.
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
 * Notices do not report to it, since another instance wrote them. The next fold begins a new epoch
 * when the database is behind this position, and only the database itself may cause that.
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
