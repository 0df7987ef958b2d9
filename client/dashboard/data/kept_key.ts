/**
 * The key that the browser keeps for the page: a tab alone, and a wall the whole browser.
 *
 * A key from a link is not known to be good until the server has answered. Meanwhile the key before
 * it is kept beside it, so that a link with a wrong key forgets no good one. A wall's key in the
 * browser is replaced only by a key that the server has taken.
 *
 * A browser that keeps nothing for pages throws. The key then lasts as long as the page.
 * Tested in tests/client/dashboard/data/kept_key_test.ts and tests/page/store_key_test.ts.
 */

/** The parts of `Storage` that are used. */
export type Slots = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const KEY = "weir.token";
const EARLIER = "weir.earlier";

export class KeptKey {
  /** @param tab and `browser` are read each time: asking for them may throw. */
  constructor(readonly tab: () => Slots, readonly browser: () => Slots) {}

  /** The key of this tab; on a wall else the one of the browser. */
  read(isWall: boolean): string | null {
    return tried(() => this.tab().getItem(KEY)) ??
      (isWall ? tried(() => this.browser().getItem(KEY)) : null);
  }

  /** Keeps a key that nobody has tried, and the one before it. */
  put(key: string, isWall: boolean): void {
    const before = this.read(isWall);
    const hasEarlier = tried(() => this.tab().getItem(EARLIER)) !== null; // `before` is untried then
    if (before !== null && before !== key && !hasEarlier) {
      tried(() => this.tab().setItem(EARLIER, before));
    }
    tried(() => this.tab().setItem(KEY, key));
    const isFirst = isWall && tried(() => this.browser().getItem(KEY)) === null;
    if (isFirst) tried(() => this.browser().setItem(KEY, key));
  }

  /** The server has taken the key, so none before it is needed. */
  accept(key: string, isWall: boolean): void {
    tried(() => this.tab().removeItem(EARLIER));
    if (isWall) tried(() => this.browser().setItem(KEY, key));
  }

  /** The server has refused the key. @returns the key before it, which is kept from here on */
  refuse(key: string): string | null {
    const before = tried(() => this.tab().getItem(EARLIER));
    for (const slots of [this.tab, this.browser]) {
      if (tried(() => slots().getItem(KEY)) === key) tried(() => slots().removeItem(KEY));
    }
    tried(() => this.tab().removeItem(EARLIER));
    if (before === null || before === key) return null;
    tried(() => this.tab().setItem(KEY, before));
    return before;
  }

  /** Forgets every key. */
  forget(): void {
    tried(() => this.tab().removeItem(KEY));
    tried(() => this.tab().removeItem(EARLIER));
    tried(() => this.browser().removeItem(KEY));
  }
}

/** The answer of the browser; null where it keeps nothing. */
function tried<T>(ask: () => T): T | null {
  try {
    return ask();
  } catch {
    return null;
  }
}
