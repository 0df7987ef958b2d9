/**
 * What an instance knows of the folds: the newest one, and what each of those changed that it has
 * heard of one after the other.
 *
 * It tells which scopes to read again after a notice, and whether figures that were read elsewhere
 * may still be shown: only when nothing known here has changed their scope since.
 */
import type { Notice } from "../../sql/figures/notices.ts";
import type { Figures } from "../../sql/figures/snapshots.ts";
import { comparePositions, foldOf, type Position } from "./snapshot.ts";

/** Past so many, what the scopes' last changes were is forgotten, and gathered anew. */
const MAX_SCOPES = 10_000;

export class KnownFolds {
  /** The newest that was told of. */
  #newest: Position = { epoch: 0, version: 0 };
  /** The newest that was met in figures, which may be ahead of its notice. */
  #read: Position = this.#newest;
  /** Of every fold after this one up to the newest it is known what it changed. */
  #unbrokenSince: Position = this.#newest;
  /** The last of those folds that changed a scope. */
  readonly #changes = new Map<string, number>();

  get newest(): Position {
    return this.#newest;
  }

  /** False before anything was heard of the database. */
  get areKnown(): boolean {
    return this.#newest.epoch > 0 || this.#read.epoch > 0;
  }

  /**
   * Takes in what a notice says. @returns the scopes that may have changed since the notice before:
   * versions follow each other, so where one is missing its notice was lost, and with it its scopes.
   */
  hear({ epoch, version, scopes }: Notice): Notice["scopes"] {
    const before = this.#newest;
    if (comparePositions({ epoch, version }, before) <= 0) return scopes;
    this.#newest = { epoch, version };
    const follows = epoch === before.epoch && version === before.version + 1;
    const changed = follows ? scopes : "all";
    if (changed === "all" || this.#changes.size > MAX_SCOPES) {
      this.#unbrokenSince = this.#newest;
      this.#changes.clear();
    } else {
      for (const scope of changed) this.#changes.set(scope, version);
    }
    return changed;
  }

  /** Takes in how far the database had come when figures were read from it. */
  noteRead(figures: Figures): void {
    const fold = foldOf(figures);
    if (comparePositions(fold, this.#read) > 0) this.#read = fold;
  }

  /**
   * True when these figures are not below the newest that is known here of their scope: read at the
   * newest fold or later, or at an earlier one since when every fold is known and none changed them.
   */
  allow(figures: Figures): boolean {
    const fold = foldOf(figures);
    const isAhead = comparePositions(this.#read, this.#newest) > 0;
    if (comparePositions(fold, isAhead ? this.#read : this.#newest) >= 0) return true;
    if (isAhead || comparePositions(fold, this.#unbrokenSince) < 0) return false;
    return fold.version >= (this.#changes.get(figures.scope) ?? 0);
  }
}
