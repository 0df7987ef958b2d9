/**
 * What a dashboard is shown: the database's figures beside how old they are and where they came
 * from; and the order in which snapshots follow each other.
 */
import { comparePositions, type Position } from "../../sql/figures/position.ts";
import type { Figures } from "../../sql/figures/snapshots.ts";
import type { Snapshot, SnapshotSource } from "../../client/contract/snapshot.ts";

export { comparePositions, type Position };

/** Figures, and what is needed to tell how old they are. */
export interface Frame {
  readonly figures: Figures;
  /**
   * When they were asked for, by this instance's monotonic clock. `readAt` came after that, so what
   * is reckoned from here is never taken for younger than it is.
   */
  readonly askedAt: number;
  /** When the oldest change that made this frame was written, by the database; null: unknown. */
  readonly writtenAt: string | null;
}

/** How far all scopes had come when these figures were read. */
export function foldOf({ epoch, fold }: Figures): Position {
  return { epoch, version: fold };
}

/** Below zero when `a` is older than `b`, by (epoch, version, minute). */
export function compareFigures(a: Figures, b: Figures): number {
  return comparePositions(a, b) || Date.parse(a.minute) - Date.parse(b.minute);
}

/** The figures as they are shown now. */
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

/** The id a frame is tracked by. */
export function eventIdOf({ epoch, version }: Position): string {
  return `${epoch}:${version}`;
}

/** The position in a `lastEventId`; null when it is none of ours. */
export function parseEventId(id: string): Position | null {
  const [, epoch, version] = /^(\d{1,15}):(\d{1,15})$/.exec(id) ?? [];
  if (epoch === undefined || version === undefined) return null;
  return { epoch: Number(epoch), version: Number(version) };
}
