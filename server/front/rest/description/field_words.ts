/**
 * The words of fields that a caller writes.
 *
 * Tested in tests/server/front/rest/description_test.ts.
 */

interface Words {
  readonly description: string;
  readonly pattern?: string;
}

export const FIELD_WORDS: Readonly<Record<string, Words>> = {
  storeId: { description: "The store." },
  orderId: { description: "The order's id, as the answer to its placing gave it." },
  id: { description: "The dead letter's id." },
  idempotencyKey: {
    description: "The order's own key in its store: the same key with the same content is one " +
      "order, however often it is sent. The header `Idempotency-Key` may hold it instead.",
  },
  currency: { description: "An alphabetic code of ISO 4217.", pattern: "^[A-Z]{3}$" },
  lines: { description: "The total must not pass 2^53 - 1 minor units." },
  customerRef: { description: "Your own reference to the buyer." },
  metadata: { description: "At most 16 entries of your own." },
  deadlineMs: { description: "The order is on its way within so many milliseconds, or refused." },
  orders: { description: "Each order is checked alone: a bad one never fails its neighbours." },
  limit: { description: "The most entries. A page may have fewer although there are more." },
  cursor: { description: "The `nextCursor` of the page before." },
  maxFramesPerSecond: {
    description: "At most so many events a second; 0.5 is one in two seconds.",
  },
  status: { description: "Orders in this state alone." },
  state: { description: "Letters in this state alone." },
  reason: { description: "A note for people." },
  payload: { description: "The corrected order. It keeps its store and its key." },
  dryRun: { description: "True: says what would happen, and places nothing." },
  buckets: { description: "How many random minutes and days are counted again." },
};
