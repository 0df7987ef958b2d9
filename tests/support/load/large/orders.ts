/** The largest orders that the contract allows, in bytes. */
import type { PlaceInput } from "../../../../client/contract/order.ts";
import type { NewOrder } from "../../../../sql/orders/new_order.ts";
import { anInput, anOrder } from "../orders.ts";

/** One UTF-16 unit, by which the contract counts, but three bytes in UTF-8. */
const LETTER = "貨";
const LINES = 200;
const ENTRIES = 16;

/** The parts that make an order as large as it may be: about 85 KiB. */
function largeParts(): Partial<PlaceInput> {
  const name = (index: number) => `${index}`.padEnd(64, LETTER);
  return {
    lines: Array.from({ length: LINES }, (_, index) => ({
      sku: name(index),
      quantity: 1_000_000,
      unitPriceMinor: 1_000_000,
    })),
    customerRef: LETTER.repeat(128),
    metadata: Object.fromEntries(
      Array.from({ length: ENTRIES }, (_, index) => [name(index), LETTER.repeat(512)]),
    ),
  };
}

/** Such an order, as a client sends it. */
export function largestInput(parts: Partial<PlaceInput> = {}): PlaceInput {
  return anInput({ ...largeParts(), ...parts });
}

/** Such an order, on its way into the database. */
export function largestOrder(): NewOrder {
  return anOrder(largeParts());
}
