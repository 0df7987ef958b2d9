/** The orders that benches place: two lines each, of 20 stores. */
import { placeInput, type PlaceOrder } from "../../../client/contract/order.ts";
import { type NewOrder, toNewOrder } from "../../../sql/orders/new_order.ts";

/** A new order as a caller sends it. */
export function sampleInput(index: number) {
  return {
    storeId: `store-${index % 20}`,
    idempotencyKey: crypto.randomUUID(),
    currency: "EUR",
    lines: [
      { sku: `sku-${index % 50}`, quantity: 1 + index % 3, unitPriceMinor: 100 + index % 997 },
      { sku: `sku-${index % 7}`, quantity: 1, unitPriceMinor: 250 },
    ],
    customerRef: `customer-${index % 1_000}`,
  };
}

/** The same order on its way into the database. */
export function sampleOrder(index: number): NewOrder {
  const checked: PlaceOrder = placeInput.parse(sampleInput(index));
  return toNewOrder(checked);
}
