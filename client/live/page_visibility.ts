/**
 * The visibility of the page: a hidden page needs no frames. Where there is no page, as on a server, all
 * is visible.
 *
 * Tested in tests/client/live/live_test.ts.
 */

/** The part of a browser's document that tells whether anybody can see it. */
export interface VisiblePage extends EventTarget {
  readonly visibilityState: string;
}

export class PageVisibility {
  readonly #page: VisiblePage | null;

  constructor(page: VisiblePage | null) {
    this.#page = page;
  }

  get isHidden(): boolean {
    return this.#page?.visibilityState === "hidden";
  }

  /** Calls back at each change. @returns ends that */
  watch(listener: () => void): () => void {
    this.#page?.addEventListener("visibilitychange", listener);
    return () => this.#page?.removeEventListener("visibilitychange", listener);
  }
}

/** The page that this program runs in; null: it is not in one. */
export function pageOf(scope: { readonly document?: VisiblePage }): VisiblePage | null {
  return scope.document ?? null;
}
