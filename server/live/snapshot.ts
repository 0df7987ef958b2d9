/**
 * Snapshots as dashboards see them: the figures, their age and their source. Also the order in which
 * snapshots follow each other.
 *
 * Tested in tests/server/live/live_hub_test.ts.
 */
import type { Snapshot, SnapshotSource } from "../../client/contract/snapshot.ts";
import { comparePositions, type Position } from "../../sql/figures/position.ts";
import type { Figures } from "../../sql/figures/snapshots.ts";

export { comparePositions, type Position };

/** The most bytes of a frame: see DETAILED_CURRENCIES. */
export const MAX_FRAME_BYTES = 262_144;

/** Figures, with the times from which their age is reckoned. */
export interface Frame {
  readonly figures: Figures;
  /**
   * When the figures were asked for, by this instance's monotonic clock. The database read them
   * later, so an age reckoned from here is never too small.
   */
  readonly askedAt: number;
  /** When the oldest change in this frame was written, by the database's clock; null: unknown. */
  readonly writtenAt: string | null;
}

/** The newest fold of all scopes when these figures were read. */
export function foldOf({ epoch, fold }: Figures): Position {
  return { epoch, version: fold };
}

/** Below zero when `a` is older than `b`, by (epoch, version, minute). */
export function compareFigures(a: Figures, b: Figures): number {
  return comparePositions(a, b) || Date.parse(a.minute) - Date.parse(b.minute);
}

/** The snapshot that a frame makes now. */
export function snapshotOf(
  { figures, askedAt }: Frame,
  shown: { source: SnapshotSource; stale: boolean; now: number },
): Snapshot {
  const { scope, epoch, version, asOf, readAt, minute, currencies } = figures;
  const sinceAsked = shown.now - askedAt;
  return {
    scope,
    epoch,
    version,
    asOf,
    ageMs: Math.max(0, Math.round(Date.parse(readAt) + sinceAsked - Date.parse(asOf))),
    stale: shown.stale,
    source: shown.source,
    minute,
    currencies,
  };
}

/** The id by which a client resumes after this frame. */
export function eventIdOf({ epoch, version }: Position): string {
  return `${epoch}:${version}`;
}

/** The position in a `lastEventId`; null for an id that `eventIdOf` did not make. */
export function parseEventId(id: string): Position | null {
  const [, epoch, version] = /^(\d{1,15}):(\d{1,15})$/.exec(id) ?? [];
  if (epoch === undefined || version === undefined) return null;
  return { epoch: Number(epoch), version: Number(version) };
}
