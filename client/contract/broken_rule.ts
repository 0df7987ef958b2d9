/**
 * The rule that kept an order out of the database, by its names and in words. The order's own data
 * is in none of it, so the rule may stand in a log.
 *
 * Tested in tests/sql/orders/broken_rule_test.ts.
 */

export interface BrokenRule {
  /**
   * The SQLSTATE that the database gave; `idempotency_mismatch` for a conflict; `invalid_input` for
   * a letter whose payload is no order; `not_stored` for an order that a trigger drops.
   */
  readonly code: string;
  /** A name that the database did not give is null. */
  readonly table: string | null;
  readonly column: string | null;
  readonly constraint: string | null;
  /** The function in the database that raised the error, such as a trigger's. */
  readonly function: string | null;
  /** PostgreSQL's own message with "…" in the place of each value; at most 300 characters. */
  readonly message: string;
}

/** The rule in one line: its name, the message, the code. */
export function ruleInWords(rule: BrokenRule): string {
  const { code, column, constraint, message } = rule;
  const name = constraint ?? column;
  const named = name === null || message.includes(name) ? "" : `${name}: `;
  const raisedBy = rule.function === null ? "" : `, raised by ${rule.function}`;
  return `${named}${message} (${code}${raisedBy})`;
}
