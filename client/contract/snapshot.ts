/**
 * Snapshots: the figures of one store's dashboard, or of all stores together, at one moment.
 * Tested in tests/server/live/live_test.ts.
 */
import { z } from "zod";
import { storeIdInput } from "./text.ts";

export interface SnapshotInput {
  /** Left out: all stores together. */
  readonly storeId?: string | undefined;
}

export const snapshotInput = z.strictObject({ storeId: storeIdInput.optional() }).default({});

export interface LiveInput extends SnapshotInput {
  /** `<epoch>:<version>` of the last frame that the subscriber has seen. */
  readonly lastEventId?: string | null | undefined;
  /** From 0.1 to 60. Left out: each frame comes as soon as it can be sent. */
  readonly maxFramesPerSecond?: number | undefined;
}

export const liveInput = z.strictObject({
  storeId: storeIdInput.optional(),
  lastEventId: z.string().nullish(),
  maxFramesPerSecond: z.number().min(0.1).max(60).optional(),
});

/** Sums of a window. Counts of orders are numbers; sums over orders are decimal strings. */
export interface WindowSums {
  readonly orders: number;
  readonly units: string;
  readonly revenueMinor: string;
  readonly cancelledOrders: number;
  readonly cancelledRevenueMinor: string;
}

export interface MinuteSums {
  readonly minute: string;
  readonly orders: number;
  readonly units: string;
  readonly revenueMinor: string;
}

export interface ProductSums {
  readonly sku: string;
  readonly units: string;
  readonly revenueMinor: string;
}

export interface CurrencyFigures {
  readonly currency: string;
  readonly today: WindowSums;
  readonly last60m: WindowSums;
  /** False: minutes and products are left out, because many currencies have more orders. */
  readonly hasDetail: boolean;
  /**
   * The current minute and the 59 before it, oldest first, none missing. Empty when none of them has
   * an order.
   */
  readonly minutes: readonly MinuteSums[];
  /** Today's ten best products, by revenue and then by sku. */
  readonly topProducts: readonly ProductSums[];
}

/** The origin of a snapshot: the instance's memory, Redis, or a read for this call. */
export type SnapshotSource = "live" | "cache" | "database";

/** A dashboard's figures. The contract has the rule of each field. */
export interface Snapshot {
  /** `*`, or the store's id. */
  readonly scope: string;
  readonly epoch: number;
  readonly version: number;
  readonly asOf: string;
  /** The database's time less `asOf`, milliseconds. */
  readonly ageMs: number;
  /** The database has not answered for 5 s, or no fold has ended for some time. */
  readonly stale: boolean;
  readonly source: SnapshotSource;
  /** The current UTC minute, which the windows end with. */
  readonly minute: string;
  readonly currencies: readonly CurrencyFigures[];
}
