/**
 * The session of the page: the API key, the store and the kind of screen, from the link that opened
 * it.
 *
 * A link may end in `#token=<key or browser token>&store=<id>&wall`, or in `&embed` for a page in the
 * frame of another one, which shows figures and nothing else. The key is removed from the address bar at once,
 * so that it is neither bookmarked nor copied, and no server ever sees the part after `#`. The rest
 * stays in the address bar.
 *
 * A page keeps the key for its tab alone. A wall keeps it in the browser, because nobody stands there
 * to type it in again after a power cut. A link with a wrong key leaves the key before it in force.
 *
 * Tested in tests/client/dashboard/data/situation_test.ts and tests/page/wall_test.ts.
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import { KeptKey } from "./kept_key.ts";

export interface SessionState {
  /** Null: the page asks for a key. */
  readonly token: string | null;
  /** The store that the viewer asked for; null: all stores. */
  readonly storeId: string | null;
  /** True for a screen on a wall: large figures, and nobody to touch it. */
  readonly isWall: boolean;
  /** True for a page in a frame: figures alone, nothing to choose or to sign in. */
  readonly isEmbedded: boolean;
  /** The reason why the last key was not taken; null: nothing is wrong. */
  readonly refusal: string | null;
}

export interface Session {
  readonly state: ReadonlySignal<SessionState>;
  signIn(token: string): void;
  /** The server has taken the key. */
  accept(token: string): void;
  /** The server has refused the key: the page goes on with the one before it, or asks for one. */
  refuse(token: string, refusal: string): void;
  /** Takes the reason off the page. */
  dismissRefusal(): void;
  /** Forgets every key. */
  signOut(): void;
  showStore(storeId: string | null): void;
  /** True when the key is still there after the page is loaded again. */
  outlivesReload(): boolean;
}

/** The parts of a link's fragment. */
export interface Fragment {
  readonly token: string | null;
  readonly storeId: string | null;
  readonly isWall: boolean;
  readonly isEmbedded: boolean;
}

/** A header carries these characters alone. No key has another one. */
const SENDABLE = /^[\x21-\x7e]+$/;
const NO_KEY = "This is not an API key: it has letters that no key has.";

/** Reads the link and the key that is remembered. Follows a new link in the same tab. */
export function startSession(): Session {
  const { isWall, isEmbedded } = readFragment(location.hash);
  const kept = new KeptKey(() => sessionStorage, () => localStorage);
  const state = signal<SessionState>({
    token: kept.read(isWall),
    storeId: null,
    isWall,
    isEmbedded,
    refusal: null,
  });
  const change = (part: Partial<SessionState>) => {
    state.value = { ...state.value, ...part };
    showFragment(state.value);
  };
  const signIn = (token: string) => {
    const { isWall } = state.value;
    if (!SENDABLE.test(token)) return change({ token: kept.read(isWall), refusal: NO_KEY });
    kept.put(token, isWall);
    change({ token, refusal: null });
  };
  const followLink = () => {
    const { token, storeId, isWall, isEmbedded } = readFragment(location.hash);
    change({ storeId, isWall, isEmbedded });
    const current = token ?? state.value.token ?? kept.read(isWall);
    if (current !== null) signIn(current);
  };
  followLink();
  addEventListener("hashchange", followLink);
  return {
    state,
    signIn,
    accept: (token) => kept.accept(token, state.value.isWall),
    refuse: (token, refusal) => change({ token: kept.refuse(token), refusal }),
    dismissRefusal: () => change({ refusal: null }),
    signOut: () => {
      kept.forget();
      change({ token: null, refusal: null });
    },
    showStore: (storeId) => change({ storeId }),
    outlivesReload: () => kept.read(state.value.isWall) === state.value.token,
  };
}

/** Reads a link's fragment. An empty or missing part is null. */
export function readFragment(hash: string): Fragment {
  // A plus sign in a key stays a plus sign. Only in a submitted form it means a space.
  const parts = new URLSearchParams(hash.replace(/^#/, "").replaceAll("+", "%2B"));
  return {
    token: parts.get("token")?.trim() || null,
    storeId: parts.get("store") || null,
    isWall: parts.has("wall") && !parts.has("embed"),
    isEmbedded: parts.has("embed"),
  };
}

/** Writes a link's fragment, without a key. `wall` alone gives `#wall`. */
export function writeFragment({ storeId, isWall, isEmbedded }: Omit<Fragment, "token">): string {
  const parts = storeId === null ? [] : [`store=${encodeURIComponent(storeId)}`];
  if (isWall) parts.push("wall");
  if (isEmbedded) parts.push("embed");
  return parts.length === 0 ? "" : `#${parts.join("&")}`;
}

function showFragment(state: SessionState): void {
  const { pathname, search } = location;
  history.replaceState(null, "", `${pathname}${search}${writeFragment(state)}`);
}
