/**
 * Shapes of the answers about orders. The contract has each field's rule.
 *
 * Tested in tests/server/front/rest/fuzz_test.ts.
 */
import { z } from "zod";
import {
  type Acknowledgement,
  type Cancellation,
  type Order,
  type OrderLine,
  type OrderPage,
  type OrderStatus,
  type PlaceError,
  type PlaceInput,
  type PlaceResult,
} from "../../../../client/contract/order.ts";
import type { InputIssue } from "../../../../client/contract/refusal.ts";
import { brokenRule, inputIssue, reason } from "./refusals.ts";
import { shapeOf } from "./same.ts";

const time = z.string().describe("ISO 8601 in UTC, with milliseconds.");
const minor = z.int().describe("Money in the currency's minor unit, such as cents.");
const orderId = z.uuid().describe("UUIDv5 of `<storeId>/<idempotencyKey>`.");

/** The order as a client wrote it. The description refers to the input's own shape. */
export const placedOrder = z.custom<PlaceInput>();

const acknowledged = {
  orderId,
  status: z.enum(["committed", "spilled"]).describe(
    "`committed`: on the disk of PostgreSQL. `spilled`: the database is out, and Redis has the " +
      "order on disk.",
  ),
  replayed: z.boolean().describe("True when the key was used before, with this content."),
  totalMinor: minor,
  currency: z.string(),
  placedAt: time,
};

export const acknowledgement = shapeOf<Acknowledgement>()(z.object(acknowledged));

const placeError = shapeOf<PlaceError>()(z.object({
  code: z.string().describe("The code of tRPC."),
  reason,
  message: z.string(),
  retryAfterMs: z.int().exactOptional(),
  deadLetterId: z.uuid().exactOptional(),
  rule: brokenRule.exactOptional(),
  issues: shapeOf<readonly InputIssue[]>()(z.array(inputIssue)).exactOptional(),
}));

export const placeResult = shapeOf<PlaceResult>()(z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), ...acknowledged }),
  z.object({ ok: z.literal(false), error: placeError }),
]));

export const placeResults = shapeOf<{ results: PlaceResult[] }>()(z.object({
  results: z.array(placeResult).describe("One for each order, in the order of the request."),
}));

const line = shapeOf<OrderLine>()(z.object({
  sku: z.string(),
  quantity: z.int(),
  unitPriceMinor: minor,
}));

const orderStatus = shapeOf<OrderStatus>()(
  z.enum(["spilled", "committed", "cancelled", "dead_lettered"]),
);

export const order = shapeOf<Order>()(z.object({
  storeId: z.string(),
  orderId,
  idempotencyKey: z.string(),
  status: orderStatus,
  currency: z.string(),
  lines: z.array(line),
  totalMinor: minor,
  customerRef: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  placedAt: time,
  committedAt: time.nullable(),
  cancelledAt: time.nullable(),
  cancelReason: z.string().nullable(),
}));

export const orderPage = shapeOf<OrderPage>()(z.object({
  orders: z.array(order).describe("The newest first. A page has at most 256 KiB."),
  nextCursor: z.string().nullable().describe("Null is the end, and only null."),
}));

export const cancellation = shapeOf<Cancellation & { orderId: string }>()(z.object({
  orderId,
  cancelledAt: time,
  replayed: z.boolean().describe("True when the order was cancelled before."),
}));

/** The data of one event of an order's status. */
export const orderStatusEvent = z.object({ status: orderStatus });
