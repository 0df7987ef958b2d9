/**
 * The overflow of one instance: what operators are told of it, from the overflow in Redis and from
 * the drainer that brings its orders back.
 *
 * Tested in tests/server/router/ops_test.ts.
 */
import type { OverflowStatus } from "../../client/contract/ops_status.ts";
import type { OverflowDrainer } from "../../actors/overflow_drainer/overflow_drainer.ts";
import type { TwoPlaces } from "./two_places.ts";

/** The overflow's part of `ops.status`. */
export function overflowStatus(
  overflow: Pick<TwoPlaces, "state" | "level"> | null,
  drainer: Pick<OverflowDrainer, "state"> | null,
): OverflowStatus {
  if (overflow === null) return { state: "unavailable", orders: 0, oldestAgeMs: null };
  const isDraining = drainer?.state === "draining" && overflow.level.orders > 0;
  return { state: isDraining ? "draining" : overflow.state, ...overflow.level };
}
