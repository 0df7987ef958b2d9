/** Orders for tests: plausible by default, each with a key of its own. */
import { type NewOrder, toNewOrder } from "../../../sql/orders/new_order.ts";
import { type PlaceInput, placeInput } from "../../../client/contract/order.ts";

let made = 0;

/** An order as a client sends it. `parts` replaces fields that matter to the test. */
export function anInput(parts: Partial<PlaceInput> = {}): PlaceInput {
  made++;
  return {
    storeId: "store-1",
    idempotencyKey: `key-${made}-${crypto.randomUUID()}`,
    currency: "EUR",
    lines: [{ sku: "tea", quantity: 2, unitPriceMinor: 450 }],
    ...parts,
  };
}

/** An order on its way into the database. */
export function anOrder(parts: Partial<PlaceInput> = {}): NewOrder {
  return toNewOrder(placeInput.parse(anInput(parts)));
}

/** The lines of a large order, each of another product. */
export function manyLines(count: number): PlaceInput["lines"] {
  return Array.from(
    { length: count },
    (_, index) => ({ sku: `sku-${index}`, quantity: 1, unitPriceMinor: 100 }),
  );
}
