/**
 * The entries of the overflow's stream, as text there and as orders here.
 *
 * An entry that this version cannot read stays where it is: a newer version of Weir may have written
 * it, and an acknowledged order may be in it.
 *
 * Tested in tests/server/overflow/drain_queue_test.ts and redis_overflow_test.ts.
 */
import { z } from "zod";
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
  /** True when the order was set aside before. */
  readonly again: boolean;
}

/** An entry as Redis answers it. The fields are null when the entry is gone. */
export type StreamEntry = readonly [id: string, fields: string[] | null];

const orderShape = z.object({
  storeId: z.string(),
  orderId: z.string(),
  idempotencyKey: z.string(),
  currency: z.string(),
  linesJson: z.string(),
  lineCount: z.int(),
  units: z.int(),
  totalMinor: z.int(),
  customerRef: z.string().nullable(),
  metadataJson: z.string(),
  contentHash: z.string(),
  placedAt: z.string().nullable(),
});

/** The order's text in the overflow. */
export function textOf(order: NewOrder): string {
  return JSON.stringify(order);
}

/** The order of an entry; null when this version cannot read it, or it is gone. */
export function entryOf([entryId, fields]: StreamEntry, again = false): OverflowEntry | null {
  const [format, text] = [fields?.[1], fields?.[3]];
  if (format !== ENTRY_FORMAT || text === undefined) return null;
  const order = orderIn(text);
  if (order === null) return null;
  const placedAt = iso(Number(entryId.split("-")[0]));
  const bytes = new TextEncoder().encode(text).length;
  return { entryId, order: { ...order, placedAt }, bytes, again };
}

function orderIn(text: string): NewOrder | null {
  try {
    return orderShape.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** A record is the entry's id and the content hash. */
export function recordOf(text: string | null): OverflowRecord | null {
  const [, ms, contentHash] = /^(\d+)-\d+ ([0-9a-f]+)$/.exec(text ?? "") ?? [];
  if (ms === undefined || contentHash === undefined) return null;
  return { contentHash, placedAt: iso(Number(ms)) };
}
