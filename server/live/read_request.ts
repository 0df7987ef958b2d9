/**
 * Read requests: what the next read of a scope must show. Requests that come during a read are joined
 * into one, so that a single read answers them all.
 */
import type { Figures } from "../../sql/figures/snapshots.ts";
import { comparePositions, foldOf, type Position } from "./snapshot.ts";

export interface ReadRequest {
  /** The figures must be of this fold or a later one; null: of any fold. */
  readonly fold: Position | null;
  /** The windows must end with this minute or a later one; null: with any minute. */
  readonly minute: string | null;
  /**
   * True: only a read that begins after the request will do, and its frame is sent even if it
   * equals the frame before.
   */
  readonly reread: boolean;
  /** When the oldest change among these was written, by the database's clock; null: unknown. */
  readonly writtenAt: string | null;
}

/** Asks for a read that begins after the request. */
export const REREAD: ReadRequest = { fold: null, minute: null, reread: true, writtenAt: null };

/** Asks for figures of `fold` or a later one. */
export function forFold(fold: Position, writtenAt: string | null): ReadRequest {
  return { fold, minute: null, reread: false, writtenAt };
}

/** Asks for figures of `minute` or a later one. */
export function forMinute(minute: string): ReadRequest {
  return { fold: null, minute, reread: false, writtenAt: null };
}

/** True when figures that were read before answer the request. */
export function isAnsweredBy(request: ReadRequest, figures: Figures): boolean {
  const { minute, reread } = request;
  return !reread && !lagsBehind(figures, request) && (minute === null || figures.minute >= minute);
}

/** True when the figures are of an older fold than the request asks for. */
export function lagsBehind(figures: Figures, { fold }: ReadRequest): boolean {
  return fold !== null && comparePositions(foldOf(figures), fold) < 0;
}

/** The request whose answer answers both. */
export function join(one: ReadRequest | null, other: ReadRequest): ReadRequest {
  if (one === null) return other;
  return {
    fold: laterFold(one.fold, other.fold),
    minute: laterMinute(one.minute, other.minute),
    reread: one.reread || other.reread,
    writtenAt: earlierTime(one.writtenAt, other.writtenAt),
  };
}

/** The earlier of two times in ISO 8601; null: unknown. */
export function earlierTime(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return other < one ? other : one;
}

function laterMinute(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return other > one ? other : one;
}

function laterFold(one: Position | null, other: Position | null): Position | null {
  if (one === null || other === null) return one ?? other;
  return comparePositions(other, one) > 0 ? other : one;
}
