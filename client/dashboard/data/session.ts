/**
 * Who is looking, and at what: the API key and the store, from the link that opened the page.
 *
 * A link may end in `#token=<key>&store=<id>`. The key is taken out of the address bar at once, so
 * that it is neither bookmarked nor copied, and kept for this tab alone; the store stays there.
 */
import { type ReadonlySignal, signal } from "@preact/signals";

export interface SessionState {
  /** Null: the page asks for one. */
  readonly token: string | null;
  /** Null: all stores. */
  readonly storeId: string | null;
  /** Why the last key was not taken; null: nothing is wrong. */
  readonly refusal: string | null;
}

export interface Session {
  readonly state: ReadonlySignal<SessionState>;
  signIn(token: string): void;
  /** Forgets the key. @param refusal why, when it was not the user's wish. */
  signOut(refusal?: string): void;
  showStore(storeId: string | null): void;
}

const TOKEN_SLOT = "weir.token";

/** Reads the link and what this tab remembers, and follows a new link in the same tab. */
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

/** The parts of a link's fragment; what is empty or missing is null. */
export function readFragment(hash: string): { token: string | null; storeId: string | null } {
  // A plus sign in a key is a plus sign: this is no form's submission, where it is a space.
  const parts = new URLSearchParams(hash.replace(/^#/, "").replaceAll("+", "%2B"));
  return { token: parts.get("token") || null, storeId: parts.get("store") || null };
}

function showFragment(storeId: string | null): void {
  const fragment = storeId === null ? "" : `#${new URLSearchParams({ store: storeId })}`;
  history.replaceState(null, "", `${location.pathname}${location.search}${fragment}`);
}

/** A browser that keeps nothing for pages throws; then the key lasts as long as the page. */
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
    // Not kept: the next load asks again.
  }
}
