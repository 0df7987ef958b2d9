/**
 * An order as the writer stores it: a checked order with its id, its total and the hash of its
 * content, which are derived from it.
 */
import { type PlaceOrder, totalMinorOf } from "../../client/contract/order.ts";
import { contentHashOf, orderIdOf } from "./order_identity.ts";

/** An order on its way into the database. */
export interface NewOrder {
  readonly storeId: string;
  readonly orderId: string;
  readonly idempotencyKey: string;
  readonly currency: string;
  /** The lines as JSON text, as the database takes them. */
  readonly linesJson: string;
  readonly lineCount: number;
  readonly units: number;
  readonly totalMinor: number;
  readonly customerRef: string | null;
  /** The metadata as JSON text, keys sorted. */
  readonly metadataJson: string;
  /** SHA-256 in hex over everything that the client sent, except `deadlineMs`. */
  readonly contentHash: string;
  /** When the overflow took the order, ISO 8601. Null: the database's clock decides. */
  readonly placedAt: string | null;
}

/** Derives id, total and content hash of a checked order. */
export function toNewOrder(order: PlaceOrder): NewOrder {
  const linesJson = JSON.stringify(
    order.lines.map(({ sku, quantity, unitPriceMinor }) => ({ sku, quantity, unitPriceMinor })),
  );
  const metadataJson = order.metadata === undefined ? "{}" : sortedJson(order.metadata);
  const customerRef = order.customerRef ?? null;
  return {
    storeId: order.storeId,
    orderId: orderIdOf(order.storeId, order.idempotencyKey),
    idempotencyKey: order.idempotencyKey,
    currency: order.currency,
    linesJson,
    lineCount: order.lines.length,
    units: order.lines.reduce((units, line) => units + line.quantity, 0),
    totalMinor: totalMinorOf(order.lines),
    customerRef,
    metadataJson,
    contentHash: contentHashOf([order.currency, linesJson, customerRef, metadataJson]),
    placedAt: null,
  };
}

function sortedJson(record: Readonly<Record<string, string>>): string {
  const entries = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(entries));
}
