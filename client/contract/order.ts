/**
 * Orders as clients write and read them. The rules of an order are written down in `placeInput`
 * alone. Every route of an order (a call, a batch of calls, a replay) parses with it.
 * Tested in tests/sql/orders/new_order_test.ts.
 */
import { z } from "zod";
import currencies from "currency-codes";
import type { BrokenRule } from "./broken_rule.ts";
import type { InputIssue, Refusal, RefusalReason } from "./refusal.ts";
import { cursorInput, plainText, storeIdInput } from "./text.ts";

/** The library's list is older than amendment 176 of ISO 4217, which replaced ANG by XCG. */
const CURRENCY_CODES = new Set([...currencies.codes(), "XCG"]);

const lineInput = z.strictObject({
  sku: plainText(1, 64),
  quantity: z.int().min(1).max(1_000_000),
  unitPriceMinor: z.int().min(0).max(1_000_000_000_000),
});

const linesInput = z.custom<z.input<typeof lineInput>[]>(Array.isArray, "must be an array")
  .pipe(z.array(lineInput).min(1).max(200));

/** zod's record silently drops a key `__proto__`. An order must not lose an entry. */
const metadataInput = z.custom<Record<string, string>>(
  (entries) => !Object.hasOwn(Object(entries), "__proto__"),
  "must not have a key __proto__",
).refine((entries) => Object.keys(Object(entries)).length <= 16, {
  error: "must not have more than 16 entries", // checked before the entries themselves
}).pipe(z.record(plainText(1, 64), plainText(0, 512)));

/** A currency's code. */
export const currencyInput = z.string().refine((code) => CURRENCY_CODES.has(code), {
  error: ({ input }) => `must be an ISO 4217 alphabetic code${meantCurrency(String(input))}`,
});

/** The input of `orders.place`; the contract has each field's rule. */
export const placeInput = z.strictObject({
  storeId: storeIdInput,
  idempotencyKey: z.string().regex(/^[\x20-\x7e]{1,255}$/, "must be 1 to 255 printable ASCII"),
  currency: currencyInput,
  lines: linesInput,
  customerRef: plainText(0, 128).optional(),
  metadata: metadataInput.optional(),
  deadlineMs: z.int().min(50).max(30_000).default(5_000),
}).refine((order) => Number.isSafeInteger(totalMinorOf(order.lines)), {
  path: ["lines"],
  error: "the order's total must not pass Number.MAX_SAFE_INTEGER",
});

/** The code that was probably meant: `eur` and `Euro` are EUR. */
function meantCurrency(text: string): string {
  const code = text.trim().slice(0, 3).toUpperCase();
  return CURRENCY_CODES.has(code) ? `, did you mean ${code}?` : "";
}

/** An order as a client writes it. */
export interface PlaceInput {
  readonly storeId: string;
  /** The same key with the same content is the same order, however often it is sent. */
  readonly idempotencyKey: string;
  /** An ISO 4217 alphabetic code. */
  readonly currency: string;
  readonly lines: readonly OrderLine[];
  readonly customerRef?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds until the order must be on its way into a store; 5,000 when left out. */
  readonly deadlineMs?: number | undefined;
}

/** An order that has been checked. */
export type PlaceOrder = z.output<typeof placeInput>;

export interface OrderLine {
  readonly sku: string;
  /** Pieces. */
  readonly quantity: number;
  /** In the currency's minor unit. */
  readonly unitPriceMinor: number;
}

/**
 * An order's total in minor units. Past the safe range the sum is not exact, but it stays unsafe:
 * rounding is monotone, so a sum over 2^53 - 1 cannot come out below it.
 */
export function totalMinorOf(lines: readonly OrderLine[]): number {
  return lines.reduce((total, line) => total + line.quantity * line.unitPriceMinor, 0);
}

/** Many orders. Each order is parsed by itself, so that a bad one does not fail its neighbours. */
export const placeManyInput = z.strictObject({
  orders: z.custom<PlaceInput[]>(Array.isArray, "must be an array")
    .pipe(z.array(z.custom<PlaceInput>()).min(1).max(500)),
});

export interface PlaceManyInput {
  readonly orders: readonly PlaceInput[];
}

/** An order, named by its store and id. */
export interface OrderInput {
  readonly storeId: string;
  readonly orderId: string;
}

export const orderInput = z.strictObject({ storeId: storeIdInput, orderId: z.uuid() });

export interface CancelInput extends OrderInput {
  readonly reason?: string | undefined;
}

export const cancelInput = z.strictObject({
  storeId: storeIdInput,
  orderId: z.uuid(),
  reason: plainText(0, 256).optional(),
});

const ORDER_STATUSES = ["spilled", "committed", "cancelled", "dead_lettered"] as const;
export type OrderStatus = typeof ORDER_STATUSES[number];

export interface ListOrdersInput {
  readonly storeId: string;
  /** The most orders of the page; 50 when left out. */
  readonly limit?: number | undefined;
  /** The `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
  readonly status?: OrderStatus | undefined;
}

export const listOrdersInput = z.strictObject({
  storeId: storeIdInput,
  limit: z.int().min(1).max(200).default(50),
  cursor: cursorInput.optional(),
  status: z.enum(ORDER_STATUSES).optional(),
});

/** The answer to a caller whose order is durable. */
export interface Acknowledgement {
  readonly orderId: string;
  readonly status: "committed" | "spilled";
  /** True when the key had been used before, with the same content. */
  readonly replayed: boolean;
  readonly totalMinor: number;
  readonly currency: string;
  /** ISO 8601, by the clock of PostgreSQL, or of Redis for a spilled order. */
  readonly placedAt: string;
}

/** An acknowledgement or a refusal. */
export type Answer =
  | { readonly ok: true; readonly acknowledgement: Acknowledgement }
  | { readonly ok: false; readonly refusal: Refusal };

/** The reason why one order of `placeMany` was not taken. */
export interface PlaceError {
  /** The tRPC code. */
  readonly code: string;
  readonly reason: RefusalReason;
  readonly message: string;
  readonly retryAfterMs?: number;
  readonly deadLetterId?: string;
  /** The rule that a `rejected` order breaks. */
  readonly rule?: BrokenRule;
  /** The issues of an `invalid_input`. */
  readonly issues?: readonly InputIssue[];
}

/** The fate of one order of `placeMany`. */
export type PlaceResult =
  | ({ readonly ok: true } & Acknowledgement)
  | { readonly ok: false; readonly error: PlaceError };

/** An order as clients read it; times are ISO 8601, money is in minor units. */
export interface Order {
  readonly storeId: string;
  readonly orderId: string;
  readonly idempotencyKey: string;
  readonly status: OrderStatus;
  readonly currency: string;
  readonly lines: readonly OrderLine[];
  readonly totalMinor: number;
  readonly customerRef: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly placedAt: string;
  readonly committedAt: string | null;
  readonly cancelledAt: string | null;
  readonly cancelReason: string | null;
}

export interface OrderPage {
  readonly orders: readonly Order[];
  /** The beginning of the next page; null when there is none. */
  readonly nextCursor: string | null;
}

export interface Cancellation {
  /** ISO 8601, by the database's clock. A repeated cancellation answers the first time again. */
  readonly cancelledAt: string;
  /** True when the order had been cancelled before. */
  readonly replayed: boolean;
}
