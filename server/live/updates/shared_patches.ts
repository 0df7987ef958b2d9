/**
 * Shared patches: the changes from one frame to another are found once, for all subscribers that go
 * from the one to the other. Most of them do so together; only slow ones, and those that want few
 * frames, go from an older one.
 *
 * A frame has patches from sixteen others at most. Subscribers that come from further ones get it in
 * full, so no number of subscribers makes the process compare without end. Nothing here keeps a frame
 * alive.
 */
import type { CurrencyPatch } from "../../../client/contract/live_update.ts";
import { currencyPatches, type DatedFigures } from "./snapshot_patch.ts";

/** A target has patches from so many frames. */
export const MAX_BASES = 16;

type Patches = readonly CurrencyPatch[] | null;

/** The patches to one frame. A map that kept its bases would keep theirs too, and so all frames. */
interface Target {
  readonly fromBase: WeakMap<object, { readonly patches: Patches }>;
  bases: number;
}

const NONE: readonly CurrencyPatch[] = [];

export class SharedPatches {
  readonly #targets = new WeakMap<object, Target>();

  /** @param find finds the changes between two frames. */
  constructor(readonly find: typeof currencyPatches = currencyPatches) {}

  /**
   * The changes from one frame to another, the same object for each caller; null: send it in full.
   * Frames are told apart by their lists of currencies, and a list belongs to one minute.
   */
  of(base: DatedFigures, next: DatedFigures): Patches {
    if (base.currencies === next.currencies) return NONE;
    const target = this.#targetOf(next);
    const known = target.fromBase.get(base.currencies);
    if (known !== undefined) return known.patches;
    if (target.bases === MAX_BASES) return null;
    target.bases++;
    const patches = this.find(base, next);
    target.fromBase.set(base.currencies, { patches });
    return patches;
  }

  #targetOf({ currencies }: DatedFigures): Target {
    const known = this.#targets.get(currencies);
    if (known !== undefined) return known;
    const target: Target = { fromBase: new WeakMap(), bases: 0 };
    this.#targets.set(currencies, target);
    return target;
  }
}
