/**
 * The one shape of an order: what a client may send, and what the writer stores.
 *
 * `placeInput` is the only place where the rules of the contract's table are written down; every
 * route an order can take (tRPC, a batch, a replay) parses with it. `toNewOrder` then adds what is
 * derived: the order's id, its total and the hash of its content.
 */
import { z } from "zod";
import currencies from "currency-codes";
import { contentHashOf, orderIdOf } from "./order_identity.ts";

/** The library's list is older than amendment 176, which brought XCG for ANG. */
const CURRENCY_CODES = new Set([...currencies.codes(), "XCG"]);
const CONTROL_CHARACTER = /\p{Cc}/u;

/**
 * Text of `min` to `max` UTF-16 units, well formed and without control characters.
 *
 * First a string and then its length: zod's length checks also look at a `length` that an object
 * was sent with, and throw when it cannot be compared. The same holds for the array of lines.
 */
export function plainText(min: number, max: number) {
  return z.string().pipe(z.string().min(min).max(max))
    .refine((text) => text.isWellFormed(), { error: "must not contain a lone surrogate" })
    .refine((text) => !CONTROL_CHARACTER.test(text), {
      error: "must not contain a control character",
    });
}

/** A store's name: lower case letters, digits, `_` and `-`, 1 to 64 characters. */
export const storeIdInput = z.string().regex(
  /^[a-z0-9][a-z0-9_-]{0,63}$/,
  "must match ^[a-z0-9][a-z0-9_-]{0,63}$",
);

const lineInput = z.strictObject({
  sku: plainText(1, 64),
  quantity: z.int().min(1).max(1_000_000),
  unitPriceMinor: z.int().min(0).max(1_000_000_000_000),
});

const linesInput = z.custom<z.input<typeof lineInput>[]>(Array.isArray, "must be an array")
  .pipe(z.array(lineInput).min(1).max(200));

/** A record's parser passes over a key `__proto__` in silence; an order must not lose an entry. */
const metadataInput = z.custom<Record<string, string>>(
  (entries) => !Object.hasOwn(Object(entries), "__proto__"),
  "must not have a key __proto__",
).refine((entries) => Object.keys(Object(entries)).length <= 16, {
  error: "must not have more than 16 entries", // before each of them is looked at
}).pipe(z.record(plainText(1, 64), plainText(0, 512)));

/** What `orders.place` takes; see the contract for each field's rule. */
export const placeInput = z.strictObject({
  storeId: storeIdInput,
  idempotencyKey: z.string().regex(/^[\x20-\x7e]{1,255}$/, "must be 1 to 255 printable ASCII"),
  currency: z.string().refine((code) => CURRENCY_CODES.has(code), {
    error: "must be an ISO 4217 alphabetic code",
  }),
  lines: linesInput,
  customerRef: plainText(0, 128).optional(),
  metadata: metadataInput.optional(),
  deadlineMs: z.int().min(50).max(30_000).default(5_000),
}).refine((order) => Number.isSafeInteger(totalMinorOf(order.lines)), {
  path: ["lines"],
  error: "the order's total must not pass Number.MAX_SAFE_INTEGER",
});

/** An order as a client writes it (`deadlineMs` may be left out). */
export type PlaceInput = z.input<typeof placeInput>;
/** An order that has been checked. */
export type PlaceOrder = z.output<typeof placeInput>;
/** One line: `sku`, `quantity` in pieces, `unitPriceMinor` in the currency's minor unit. */
export type OrderLine = z.output<typeof lineInput>;

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
  /** SHA-256 over everything the client sent but `deadlineMs`, in hex. */
  readonly contentHash: string;
  /** When the overflow buffer took the order (ISO 8601); null: the database's clock decides. */
  readonly placedAt: string | null;
}

/** Adds to a checked order what is derived from it. */
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

/**
 * The total in minor units. Past the safe range the result is not exact but never safe either:
 * rounding is monotone, so a sum over 2^53 - 1 cannot come out below it.
 */
function totalMinorOf(lines: readonly OrderLine[]): number {
  return lines.reduce((total, line) => total + line.quantity * line.unitPriceMinor, 0);
}

function sortedJson(record: Readonly<Record<string, string>>): string {
  const entries = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(entries));
}
