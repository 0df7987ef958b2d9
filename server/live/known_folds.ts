/**
 * The folds that an instance knows of: how far it has heard their notices, and which scopes they
 * changed.
 *
 * `hear` tells which scopes to read again after a notice. `allow` tells whether kept figures may be
 * shown. They may if no fold known here has changed their scope since they were read.
 */
import type { Notice } from "../../sql/figures/notices.ts";
import type { NewestPosition } from "../../sql/figures/position.ts";
import type { Figures } from "../../sql/figures/snapshots.ts";
import { comparePositions, foldOf, type Position } from "./snapshot.ts";

/** When more scopes than this have changes, all changes are forgotten, to bound the memory. */
const MAX_SCOPES = 10_000;

export class KnownFolds {
  /** The newest fold whose notice was heard. */
  #heard: Position = { epoch: 0, version: 0 };
  /** We have heard every notice since this fold, so `#changes` is complete from here on. */
  #unbrokenSince: Position = this.#heard;
  /** The version of the last fold that changed each scope. */
  readonly #changes = new Map<string, number>();

  /** @param newest how far the database has come; it may be ahead of the notices. */
  constructor(readonly newest: NewestPosition) {}

  get heard(): Position {
    return this.#heard;
  }

  /** False until the first notice or the first answer of the database. */
  get areKnown(): boolean {
    return this.#heard.epoch > 0 || this.newest.position !== null;
  }

  /**
   * Takes in a notice.
   * @returns the scopes that may have changed since the notice before. Versions have no gaps, so a
   *   missing version means a lost notice. Its scopes are unknown, and all may have changed.
   */
  hear({ epoch, version, scopes }: Notice): Notice["scopes"] {
    const before = this.#heard;
    if (comparePositions({ epoch, version }, before) <= 0) return scopes;
    this.#heard = { epoch, version };
    const follows = epoch === before.epoch && version === before.version + 1;
    const changed = follows ? scopes : "all";
    if (changed === "all" || this.#changes.size > MAX_SCOPES) {
      this.#unbrokenSince = this.#heard;
      this.#changes.clear();
    } else {
      for (const scope of changed) this.#changes.set(scope, version);
    }
    return changed;
  }

  /**
   * True when no fold known here has changed the scope of these figures since they were read. Figures
   * of the newest fold pass. Figures of an earlier fold pass if every notice since then was heard and
   * none named their scope.
   */
  allow(figures: Figures): boolean {
    const fold = foldOf(figures);
    const newest = this.newest.position ?? this.#heard;
    const isAhead = comparePositions(newest, this.#heard) > 0;
    if (comparePositions(fold, isAhead ? newest : this.#heard) >= 0) return true;
    if (isAhead || comparePositions(fold, this.#unbrokenSince) < 0) return false;
    return fold.version >= (this.#changes.get(figures.scope) ?? 0);
  }
}
