/**
 * The entries of the overflow as text: an order in the stream, its record, and the answer of the script
 * that writes it.
 *
 * Tested in tests/server/overflow/redis_overflow_test.ts.
 */
import type { SpillResult } from "../../actors/order_writer/group_spill.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { iso } from "../../sql/time.ts";
import type { OverflowRecord } from "./recall.ts";
import { ENTRY_FORMAT } from "./scripts.ts";

/** An order in the overflow. */
export interface OverflowEntry {
  readonly entryId: string;
  readonly order: NewOrder;
  /** The size of its text in the overflow. */
  readonly bytes: number;
}

/** A record is the entry's id and the content hash. */
export function recordOf(text: string | null): OverflowRecord | null {
  const [, ms, contentHash] = /^(\d+)-\d+ ([0-9a-f]+)$/.exec(text ?? "") ?? [];
  if (ms === undefined || contentHash === undefined) return null;
  return { contentHash, placedAt: iso(Number(ms)) };
}

export type Entry = [id: string, fields: string[] | null];

/** Null for an entry that is gone, or whose format this version does not know. */
export function spilledOf([entryId, fields]: Entry): OverflowEntry | null {
  const [format, text] = [fields?.[1], fields?.[3]];
  if (format !== ENTRY_FORMAT || text === undefined) return null;
  const placedAt = iso(Number(entryId.split("-")[0]));
  const order = { ...JSON.parse(text) as NewOrder, placedAt };
  return { entryId, order, bytes: new TextEncoder().encode(text).length };
}

export function textOf(order: NewOrder): string {
  return JSON.stringify(order);
}

export function resultOf(answer: string | undefined): SpillResult {
  const [, isNew, ms, contentHash] = /^([01]) (\d+) ([0-9a-f]+)$/.exec(answer ?? "") ?? [];
  if (ms === undefined || contentHash === undefined) return { outcome: "full" };
  return { outcome: "spilled", isNew: isNew === "1", contentHash, placedAt: iso(Number(ms)) };
}
