/**
 * The rule of the database that an order breaks, read from the error that refused the order.
 *
 * The names stand in fields of the error, in the same way in every language. The message is kept
 * without the order's data (redaction.ts). The error's detail and the statement that it stands in
 * show the row, so they are never kept.
 */
import type { BrokenRule } from "../../client/contract/broken_rule.ts";
import { classify, textOf } from "../connection/failure.ts";
import type { NewOrder } from "./new_order.ts";
import { withoutData } from "./redaction.ts";

/** The table of the orders. Some errors name it in the message alone. */
const ORDERS = "orders";
/** The code of a conflict, which has no SQLSTATE. */
const CONFLICT = "idempotency_mismatch";
/** The code of a letter whose payload is no order. */
const NO_ORDER = "invalid_input";

/** The rule of an order that was neither stored nor refused, also when it was sent alone. */
export const DROPPED = ruleOf(
  "not_stored",
  "the database neither stored the order nor refused it: a trigger of the table orders drops it",
);

/** @param error a database's error about this order alone */
export function brokenRule(error: unknown, order: NewOrder): BrokenRule {
  const table = textOf(error, "table_name");
  const column = textOf(error, "column_name");
  const constraint = textOf(error, "constraint_name");
  const raisedBy = functionOf(textOf(error, "where") ?? "");
  // postgres.js has a space in the name of this field.
  const type = textOf(error, "data type_name");
  const names = [ORDERS, table, column, constraint, type, raisedBy].filter((name) => name !== null);
  return {
    code: classify(error).code,
    table,
    column,
    constraint,
    function: raisedBy,
    message: withoutData(textOf(error, "message") ?? "", names, order) || "no message",
  };
}

/** @param fields the fields in which the stored order differs; null when they could not be read */
export function conflictRule(fields: readonly string[] | null): BrokenRule {
  const others = fields === null || fields.length === 0 ? "other content" : listed(fields);
  return ruleOf(CONFLICT, `the order that is stored under this key has ${others}`);
}

/** @param message the first issue of the payload, without its data */
export function noOrderRule(message: string): BrokenRule {
  return ruleOf(NO_ORDER, `the letter's payload is not its order: ${message}`);
}

function ruleOf(code: string, message: string): BrokenRule {
  return { code, table: null, column: null, constraint: null, function: null, message };
}

function listed(fields: readonly string[]): string {
  return `other ${fields.join(" and other ")}`;
}

/** The innermost function of PL/pgSQL in an error's context; null when there is none. */
function functionOf(context: string): string | null {
  return /PL\/pgSQL.*?([A-Za-z_][\w$.]*)\(/.exec(context)?.[1] ?? null;
}
