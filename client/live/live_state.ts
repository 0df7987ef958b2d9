/**
 * The state of live figures, as a page shows it.
 *
 * Tested in tests/client/live/live_test.ts.
 */
import type { WeirError } from "../api/weir_error.ts";
import type { Snapshot } from "../contract/mod.ts";

/**
 * - `connecting`: no figures have come yet.
 * - `live`: the figures are those of now.
 * - `stale`: connected, but Weir says that orders of the last seconds may be missing.
 * - `reconnecting`: the connection is lost. The figures are the last that came.
 * - `refused`: Weir refuses these figures, and asking again would not help.
 */
export type LiveStatus = "connecting" | "live" | "stale" | "reconnecting" | "refused";

export interface LiveState {
  readonly status: LiveStatus;
  /** The newest figures; null: none have come. */
  readonly snapshot: Snapshot | null;
  /** The latest failure, until figures come again; null: nothing is wrong. */
  readonly error: WeirError | null;
}

export const CONNECTING: LiveState = { status: "connecting", snapshot: null, error: null };

/** The state after a frame. */
export function afterFrame(snapshot: Snapshot): LiveState {
  return { status: snapshot.stale ? "stale" : "live", snapshot, error: null };
}

/** The state while the connection is lost. */
export function afterLoss(state: LiveState, error: WeirError | null): LiveState {
  const status = state.snapshot === null ? "connecting" : "reconnecting";
  return { ...state, status, error: error ?? state.error };
}
