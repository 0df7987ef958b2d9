/**
 * The drainer of one instance: it takes orders out of the overflow in Redis and commits them as the
 * writer does, over connections of its own.
 *
 * Tested in tests/system/overflow/drainer_killed_test.ts.
 */
import {
  type OverflowDrainer,
  startOverflowDrainer,
} from "../../actors/overflow_drainer/overflow_drainer.ts";
import { systemClock } from "../../actors/clock.ts";
import type { Database } from "../../sql/connection/database.ts";
import { commitBatch } from "../../sql/orders/batch.ts";
import { type ParkedLetter, parkOrder } from "../../sql/orders/dead_letters.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { tellBug } from "../telemetry/bugs.ts";
import { getLogger } from "../telemetry/log.ts";
import type { Stuck } from "../../actors/overflow_drainer/drain_batch.ts";
import type { Hints } from "../telemetry/hints.ts";
import type { Streak } from "../telemetry/streak.ts";
import type { PlacedEntry, TwoPlaces } from "./two_places.ts";

const log = getLogger(["weir", "overflow"]);

/** Orders in one batch of the drain. */
const DRAIN_ORDERS = 500;
/** Orders that another instance took are taken over after the statement timeout and this margin. */
const TAKEOVER_MARGIN_MS = 1_000;

export interface DrainerOptions {
  readonly overflow: TwoPlaces;
  readonly database: Database;
  readonly instanceId: string;
  readonly statementTimeoutMs: number;
  /** True when the database takes orders, by what the writer knows. */
  readonly mayDrain: () => boolean;
  /** Gets the outcome of each batch. */
  readonly streak: Streak;
  /** Called after a commit that stored new orders. */
  readonly onDrained: () => void;
  readonly hints: Hints;
  /** Called when an order has become a dead letter. */
  readonly onParked: (order: NewOrder, letter: ParkedLetter) => void;
}

/** Starts draining `overflow` into the database. */
export function startDrainer(options: DrainerOptions): OverflowDrainer {
  const { overflow, database, instanceId, statementTimeoutMs, mayDrain } = options;
  const { streak, onDrained, onParked, hints } = options;
  const takeoverMs = statementTimeoutMs + TAKEOVER_MARGIN_MS;
  return startOverflowDrainer({
    source: {
      take: () => overflow.take(instanceId, DRAIN_ORDERS, takeoverMs),
      remove: (entries) => overflow.remove(entries),
      setAside: (stuck) => setAside(overflow, stuck, hints),
    },
    store: {
      commit: (orders) => database.drain.run((sql) => commitBatch(sql, orders)),
      park: async (order, cause) =>
        onParked(order, await database.drain.run((sql) => parkOrder(sql, order, cause))),
    },
    maxBatchOrders: DRAIN_ORDERS,
    mayDrain: () => overflow.state !== "unavailable" && mayDrain(),
    clock: systemClock,
    random: Math.random,
    onDrained: ({ drained, newOrders, parked, setAside }) => {
      streak.succeeded();
      if (drained > 0) {
        log.info(`drained ${drained} orders`, { drained, newOrders, parked, setAside });
      }
      if (newOrders > 0) onDrained();
    },
    onFailed: (error) => streak.failed(error),
    onBug: (error) => tellBug("a bug in the drainer", error),
  });
}

/** Sets orders aside and names each one, the first time. @returns how many; 0 when Redis refuses */
async function setAside(
  overflow: TwoPlaces,
  stuck: readonly Stuck<PlacedEntry>[],
  hints: Hints,
): Promise<number> {
  for (const { entry: { order, entryId, again }, code, parkCode } of stuck) {
    const { storeId, orderId, idempotencyKey } = order;
    const fields = { storeId, orderId, idempotencyKey, entryId, code, parkCode };
    const why = parkCode === null ? code : `${code}, and as a dead letter: ${parkCode}`;
    const text = `order ${orderId} of ${storeId} stays in the overflow, set aside: it cannot be ` +
      `stored: ${why}`;
    if (again) log.debug(text, fields);
    else log.warn(text, fields);
  }
  const entries = stuck.map(({ entry }) => entry);
  const done = await hints.run("set aside", () => overflow.setAside(entries).then(() => true));
  return done === null ? 0 : stuck.length;
}
