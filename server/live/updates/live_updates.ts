/**
 * The updates of one subscription that wants patches. The first one is full. Each later one is a patch
 * of the update before it, unless there is no such patch or it is no smaller than the full frame.
 *
 * The frame before is kept for the next patch, 30 s at the most. A client that stops reading would
 * otherwise keep an old frame in memory for as long as it likes. After such a pause comes a full frame.
 */
import type { LiveUpdate, SnapshotPatch } from "../../../client/contract/live_update.ts";
import type { Snapshot } from "../../../client/contract/snapshot.ts";
import { SharedPatches } from "./shared_patches.ts";
import { textOf } from "./shared_text.ts";
import { patchOf } from "./snapshot_patch.ts";

/** A frame that is older than this at two looks is forgotten at the second. */
export const LOOK_EVERY_MS = 15_000;

/** All subscriptions of the process share their patches. */
const SHARED = new SharedPatches();

export class LiveUpdates implements Disposable {
  /** The number of the latest update. */
  #number = 0;
  /** The latest snapshot; null: the next update is full. */
  #shown: Snapshot | null = null;
  #numberAtLook = 0;
  readonly #looking = setInterval(() => this.#look(), LOOK_EVERY_MS);

  /** The update that brings this snapshot to the subscriber. It has to be sent. */
  next(snapshot: Snapshot): LiveUpdate {
    const patch = this.#shown && patchOf(this.#shown, snapshot, changesOf);
    const base = this.#number;
    const number = base + 1;
    this.#number = number;
    this.#shown = snapshot;
    if (patch === null || !isSmaller(patch, snapshot)) return { kind: "full", number, snapshot };
    return { kind: "patch", number, base, patch };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#looking);
  }

  #look(): void {
    if (this.#number === this.#numberAtLook) this.#shown = null;
    this.#numberAtLook = this.#number;
  }
}

const changesOf: SharedPatches["of"] = (base, next) => SHARED.of(base, next);

/** True when the changes of the currencies have fewer bytes than the currencies. */
function isSmaller({ currencies }: SnapshotPatch, snapshot: Snapshot): boolean {
  if (currencies === undefined) return true;
  return textOf(currencies).length < textOf(snapshot.currencies).length;
}
