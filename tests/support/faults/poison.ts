/** Orders that the database refuses for their content, while a test wants that. */
import { assert, assertEquals } from "@std/assert";
import { type BrokenRule, errorDataOf, type WeirClient } from "../../../client/mod.ts";
import { type LetterCause, parkOrder } from "../../../sql/orders/dead_letters.ts";
import { type NewOrder, toNewOrder } from "../../../sql/orders/new_order.ts";
import type { TestSql } from "../services/database.ts";
import { anInput } from "../load/orders.ts";
import { type PlaceInput, placeInput } from "../../../client/contract/order.ts";

/** Makes the database refuse the orders of `aPoison`. */
export async function refusePoison(sql: TestSql): Promise<void> {
  await sql`alter table orders add constraint no_poison check (customer_ref <> 'poison')`;
}

/** Makes the database take them again. */
export async function takePoison(sql: TestSql): Promise<void> {
  await sql`alter table orders drop constraint no_poison`;
}

export function aPoison(parts: Partial<PlaceInput> = {}): PlaceInput {
  return anInput({ ...parts, customerRef: "poison" });
}

/** Places an order that the database refuses. @returns the id of its dead letter */
export async function rejected(api: WeirClient["api"], order: PlaceInput): Promise<string> {
  const data = await api.orders.place.mutate(order).then(() => null, errorDataOf);
  assertEquals(data?.reason, "rejected");
  assert(data?.deadLetterId !== undefined);
  return data.deadLetterId;
}

/** Parks an order, as rejected or as a conflict. @returns the id of its dead letter */
export async function parked(
  sql: TestSql,
  order: NewOrder,
  reason: LetterCause["reason"] = "rejected",
): Promise<string> {
  const cause: LetterCause = reason === "conflict" ? { reason } : { reason, rule: A_RULE };
  return (await parkOrder(sql, order, cause)).id;
}

/** The rule of `parked`. */
export const A_RULE: BrokenRule = {
  code: "23514",
  table: "orders",
  column: null,
  constraint: "no_poison",
  function: null,
  message: 'new row for relation "orders" violates check constraint "no_poison"',
};

/** The new order that the writer makes of a client's input. */
export function orderOf(input: PlaceInput): NewOrder {
  return toNewOrder(placeInput.parse(input));
}

/** The idempotency keys of all orders in the database. */
export async function keysStored(sql: TestSql): Promise<string[]> {
  const rows = await sql<{ key: string }[]>`select idempotency_key as key from orders`;
  return rows.map(({ key }) => key);
}
