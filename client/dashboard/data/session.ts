/**
 * The session of the page: the API key and the store, from the link that opened it.
 *
 * A link may end in `#token=<key>&store=<id>`. The key is removed from the address bar at once, so
 * that it is neither bookmarked nor copied. It is kept for this tab alone. The store stays in the
 * address bar.
 *
 * Tested in tests/client/dashboard/data/situation_test.ts.
 */
import { type ReadonlySignal, signal } from "@preact/signals";

export interface SessionState {
  /** Null: the page asks for a key. */
  readonly token: string | null;
  /** Null: all stores. */
  readonly storeId: string | null;
  /** The reason why the last key was not taken; null: nothing is wrong. */
  readonly refusal: string | null;
}

export interface Session {
  readonly state: ReadonlySignal<SessionState>;
  signIn(token: string): void;
  /** Forgets the key. @param refusal the reason, when the viewer did not ask for it. */
  signOut(refusal?: string): void;
  showStore(storeId: string | null): void;
}

const TOKEN_SLOT = "weir.token";

/** Reads the link and the key that this tab remembers. Follows a new link in the same tab. */
export function startSession(): Session {
  const state = signal<SessionState>({ token: remembered(), storeId: null, refusal: null });
  const change = (part: Partial<SessionState>) => {
    state.value = { ...state.value, ...part };
  };
  const signIn = (token: string) => {
    remember(token);
    change({ token, refusal: null });
  };
  const followLink = () => {
    const { token, storeId } = readFragment(location.hash);
    showFragment(storeId);
    change({ storeId });
    if (token !== null) signIn(token);
  };
  followLink();
  addEventListener("hashchange", followLink);
  return {
    state,
    signIn,
    signOut: (refusal) => {
      remember(null);
      change({ token: null, refusal: refusal ?? null });
    },
    showStore: (storeId) => {
      showFragment(storeId);
      change({ storeId });
    },
  };
}

/** The parts of a link's fragment. An empty or missing part is null. */
export function readFragment(hash: string): { token: string | null; storeId: string | null } {
  // A plus sign in a key stays a plus sign. Only in a submitted form it means a space.
  const parts = new URLSearchParams(hash.replace(/^#/, "").replaceAll("+", "%2B"));
  return { token: parts.get("token")?.trim() || null, storeId: parts.get("store") || null };
}

function showFragment(storeId: string | null): void {
  const fragment = storeId === null ? "" : `#${new URLSearchParams({ store: storeId })}`;
  history.replaceState(null, "", `${location.pathname}${location.search}${fragment}`);
}

/** A browser that keeps nothing for pages throws. The key then lasts as long as the page. */
function remembered(): string | null {
  try {
    return sessionStorage.getItem(TOKEN_SLOT);
  } catch {
    return null;
  }
}

function remember(token: string | null): void {
  try {
    if (token === null) sessionStorage.removeItem(TOKEN_SLOT);
    else sessionStorage.setItem(TOKEN_SLOT, token);
  } catch {
    // The key is not kept, so the next load asks for it again.
  }
}
