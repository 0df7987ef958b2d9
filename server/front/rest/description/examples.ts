/**
 * Examples of the description, by the name of their schema.
 *
 * Tested in tests/server/front/rest/description_test.ts.
 */
import type { Acknowledgement, Order, PlaceResult } from "../../../../client/contract/order.ts";
import type { Snapshot } from "../../../../client/contract/snapshot.ts";
import type { Problem } from "../shapes/refusals.ts";

const CONTENT = { currency: "EUR", lines: [{ sku: "tea", quantity: 2, unitPriceMinor: 450 }] };
const PLACED_AT = "2026-11-22T10:03:20.086Z";
const MINUTE = "2026-11-22T10:03:00.000Z";

const ACKNOWLEDGEMENT: Acknowledgement = {
  orderId: "0a1cb9c7-5f0b-5e0c-9a3f-3b8a3a4f7f52",
  status: "committed",
  replayed: false,
  totalMinor: 900,
  currency: "EUR",
  placedAt: PLACED_AT,
};

const ORDER: Order = {
  storeId: "berlin",
  orderId: ACKNOWLEDGEMENT.orderId,
  idempotencyKey: "cart-1",
  status: "committed",
  ...CONTENT,
  totalMinor: 900,
  customerRef: null,
  metadata: {},
  placedAt: PLACED_AT,
  committedAt: PLACED_AT,
  cancelledAt: null,
  cancelReason: null,
};

const REFUSED = 'lines.0.quantity: must be a whole number, not the text "2": leave the quotes out';

const RESULTS: { results: PlaceResult[] } = {
  results: [
    { ok: true, ...ACKNOWLEDGEMENT },
    {
      ok: false,
      error: {
        code: "BAD_REQUEST",
        reason: "invalid_input",
        message: REFUSED,
        issues: [{ path: "lines.0.quantity", message: REFUSED.slice("lines.0.quantity: ".length) }],
      },
    },
  ],
};

const SUMS = {
  orders: 1,
  units: "2",
  revenueMinor: "900",
  cancelledOrders: 0,
  cancelledRevenueMinor: "0",
};

const SNAPSHOT: Snapshot = {
  scope: "berlin",
  epoch: 1_790_000_000_000,
  version: 7,
  asOf: PLACED_AT,
  ageMs: 41,
  stale: false,
  source: "live",
  minute: MINUTE,
  currencies: [{
    currency: "EUR",
    today: SUMS,
    last60m: SUMS,
    hasDetail: true,
    minutes: [{ minute: MINUTE, orders: 1, units: "2", revenueMinor: "900" }],
    topProducts: [{ sku: "tea", units: "2", revenueMinor: "900" }],
  }],
};

const PROBLEM: Problem = {
  type: "/api/v1/problems#queue_full",
  title: "Too much waits here now",
  status: 429,
  detail: "10000 orders of this store wait",
  reason: "queue_full",
  retryAfterMs: 850,
};

export const EXAMPLES: Readonly<Record<string, unknown>> = {
  Acknowledgement: ACKNOWLEDGEMENT,
  Order: ORDER,
  OrderStatusEvent: { status: "committed" },
  PlaceResults: RESULTS,
  Problem: PROBLEM,
  Snapshot: SNAPSHOT,
  PlaceOrderBody: CONTENT,
  PlaceOrdersBody: { orders: [{ idempotencyKey: "cart-1", ...CONTENT }] },
  CancelOrderBody: { reason: "the buyer changed their mind" },
  DiscardDeadLetterBody: { reason: "a test" },
  ReplayDeadLettersBody: { limit: 100, dryRun: true },
  AuditBody: { buckets: 10 },
};
