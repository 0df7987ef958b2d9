/**
 * The log lines of new dead letters. Each has the store, the order, the letter and the broken rule,
 * and nothing of the order's data.
 *
 * A broken rule of the database can make a letter of every order. So only the first letters of a
 * minute have a line each. The others are counted by rule, and told in one line at the minute's end.
 * An order that is sent again and refused again has its letter already, and no second line.
 */
import { type BrokenRule, ruleInWords } from "../../client/contract/broken_rule.ts";
import { getLogger } from "./log.ts";

const log = getLogger(["weir", "orders"]);

/** Letters of a minute that have a line of their own. */
const MAX_LINES = 10;
const MINUTE_MS = 60_000;
/** Rules that the line of a minute names. */
const MAX_RULES = 5;
/** Rules that are counted apart. */
const MAX_COUNTED_RULES = 100;
const OTHER_RULES = "other rules";

/** The part of an order that its line shows. */
interface NamedOrder {
  readonly storeId: string;
  readonly orderId: string;
}

/** The part of a letter that its line shows. */
interface NewLetter {
  readonly id: string;
  readonly reason: string;
  readonly rule: BrokenRule;
  readonly isNew: boolean;
}

export class LetterLog {
  #lines = 0;
  /** How many letters of this minute have no line, by rule. */
  readonly #untold = new Map<string, number>();
  /** Runs while this minute has a letter. */
  #minute: ReturnType<typeof setTimeout> | undefined;

  /** Tells of an order that has become a dead letter. */
  readonly tell = ({ storeId, orderId }: NamedOrder, letter: NewLetter): void => {
    const { id, reason, rule } = letter;
    if (!letter.isNew) return;
    this.#minute ??= setTimeout(() => this.#endMinute(), MINUTE_MS);
    if (++this.#lines > MAX_LINES) {
      const name = this.#untold.size < MAX_COUNTED_RULES ? nameOf(rule) : OTHER_RULES;
      this.#untold.set(name, (this.#untold.get(name) ?? 0) + 1);
      return;
    }
    log.warn(
      `order ${orderId} of store ${storeId} is the dead letter ${id}: ${ruleInWords(rule)}`,
      { storeId, orderId, letterId: id, reason, ...rule },
    );
  };

  /** Tells what is not told yet, and no more. */
  stop(): void {
    clearTimeout(this.#minute);
    this.#endMinute();
  }

  #endMinute(): void {
    const untold = [...this.#untold].sort(([, a], [, b]) => b - a);
    this.#lines = 0;
    this.#untold.clear();
    this.#minute = undefined;
    if (untold.length === 0) return;
    const letters = untold.reduce((sum, [, count]) => sum + count, 0);
    const rules = untold.slice(0, MAX_RULES).map(([name, count]) => `${name} ${count}`).join(", ");
    const others = untold.length > MAX_RULES ? `, and ${untold.length - MAX_RULES} others` : "";
    log.warn(
      `${letters} more orders have become dead letters within a minute, by rule: ${rules}${others}`,
      { letters },
    );
  }
}

/** The shortest name of a rule that tells it from others. */
function nameOf({ constraint, column, function: raisedBy, code }: BrokenRule): string {
  return constraint ?? column ?? raisedBy ?? code;
}
