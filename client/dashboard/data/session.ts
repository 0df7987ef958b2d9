/**
 * The session of the page: the API key, the store and the kind of screen, from the link that opened
 * it.
 *
 * A link may end in `#token=<key>&store=<id>&wall`. The key is removed from the address bar at once,
 * so that it is neither bookmarked nor copied, and no server ever sees the part after `#`. The rest
 * stays in the address bar.
 *
 * A page keeps the key for its tab alone. A wall keeps it in the browser, because nobody stands there
 * to type it in again after a power cut.
 *
 * Tested in tests/client/dashboard/data/situation_test.ts and tests/page/wall_test.ts.
 */
import { type ReadonlySignal, signal } from "@preact/signals";

export interface SessionState {
  /** Null: the page asks for a key. */
  readonly token: string | null;
  /** The store that the viewer asked for; null: all stores. */
  readonly storeId: string | null;
  /** True for a screen on a wall: large figures, and nobody to touch it. */
  readonly isWall: boolean;
  /** The reason why the last key was not taken; null: nothing is wrong. */
  readonly refusal: string | null;
}

export interface Session {
  readonly state: ReadonlySignal<SessionState>;
  signIn(token: string): void;
  /** Forgets the key. @param refusal the reason, when the viewer did not ask for it. */
  signOut(refusal?: string): void;
  showStore(storeId: string | null): void;
  /** True when the key is still there after the page is loaded again. */
  outlivesReload(): boolean;
}

/** The parts of a link's fragment. */
export interface Fragment {
  readonly token: string | null;
  readonly storeId: string | null;
  readonly isWall: boolean;
}

const TOKEN_SLOT = "weir.token";
/** A header carries these characters alone. No key has another one. */
const SENDABLE = /^[\x21-\x7e]+$/;
const NO_KEY = "This is not an API key: it has letters that no key has.";

/** Reads the link and the key that is remembered. Follows a new link in the same tab. */
export function startSession(): Session {
  const { isWall } = readFragment(location.hash);
  const state = signal<SessionState>({
    token: remembered(isWall),
    storeId: null,
    isWall,
    refusal: null,
  });
  const change = (part: Partial<SessionState>) => {
    state.value = { ...state.value, ...part };
    showFragment(state.value);
  };
  const signIn = (token: string) => {
    if (!SENDABLE.test(token)) return change({ token: null, refusal: NO_KEY });
    remember(token, state.value.isWall);
    change({ token, refusal: null });
  };
  const followLink = () => {
    const { token, storeId, isWall } = readFragment(location.hash);
    change({ storeId, isWall });
    const current = token ?? state.value.token ?? remembered(isWall);
    if (current !== null) signIn(current);
  };
  followLink();
  addEventListener("hashchange", followLink);
  return {
    state,
    signIn,
    signOut: (refusal) => {
      forget();
      change({ token: null, refusal: refusal ?? null });
    },
    showStore: (storeId) => change({ storeId }),
    outlivesReload: () => remembered(state.value.isWall) === state.value.token,
  };
}

/** Reads a link's fragment. An empty or missing part is null. */
export function readFragment(hash: string): Fragment {
  // A plus sign in a key stays a plus sign. Only in a submitted form it means a space.
  const parts = new URLSearchParams(hash.replace(/^#/, "").replaceAll("+", "%2B"));
  return {
    token: parts.get("token")?.trim() || null,
    storeId: parts.get("store") || null,
    isWall: parts.has("wall"),
  };
}

/** Writes a link's fragment, without a key. `wall` alone gives `#wall`. */
export function writeFragment({ storeId, isWall }: Omit<Fragment, "token">): string {
  const parts = storeId === null ? [] : [`store=${encodeURIComponent(storeId)}`];
  if (isWall) parts.push("wall");
  return parts.length === 0 ? "" : `#${parts.join("&")}`;
}

function showFragment(state: SessionState): void {
  const { pathname, search } = location;
  history.replaceState(null, "", `${pathname}${search}${writeFragment(state)}`);
}

/** A browser that keeps nothing for pages throws. The key then lasts as long as the page. */
function remembered(isWall: boolean): string | null {
  try {
    const kept = sessionStorage.getItem(TOKEN_SLOT);
    return kept ?? (isWall ? localStorage.getItem(TOKEN_SLOT) : null);
  } catch {
    return null;
  }
}

function remember(token: string, isWall: boolean): void {
  try {
    sessionStorage.setItem(TOKEN_SLOT, token);
    if (isWall) localStorage.setItem(TOKEN_SLOT, token);
  } catch {
    // The key is not kept, so the next load asks for it again.
  }
}

function forget(): void {
  try {
    sessionStorage.removeItem(TOKEN_SLOT);
    localStorage.removeItem(TOKEN_SLOT);
  } catch {
    // A browser that keeps nothing has nothing to forget.
  }
}
