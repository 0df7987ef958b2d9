/**
 * Takes the data of an order out of a message of the database.
 *
 * PostgreSQL puts values between quotes, in every language that it speaks. It quotes names in the
 * same way, and these may stay. So everything from the first quote that begins no known name to the
 * last quote is cut: a value may have quotes in it. The bytes of a character that cannot be encoded
 * stand without quotes and are cut too.
 *
 * The text of a RAISE is its author's, who may have put a value anywhere. So every value of the order
 * is cut wherever it stands. A value in another form, such as a total divided by 100, is not found.
 */
import type { NewOrder } from "./new_order.ts";

const CUT = "…";
/** All quotes in the translations of PostgreSQL, and those of other languages. */
const QUOTE = /["“”„‟«»‹›「」『』]/;
const SPACES = "[\\s\\u00a0\\u202f]*";
const BYTES = /\b0x[0-9a-f]{2}\b(?:\s+0x[0-9a-f]{2}\b)*/gi;
/** Control characters and line ends, which do not belong in one line of a log. */
const CONTROLS = /[\p{Cc}\u2028\u2029]+/gu;
/** A whole number, but not the length of a type, such as in `character varying(30)`. */
const NUMBER = /(?<!\w)(?<!\w\()(?<!\d\.)\d+(?!\w|\.\d)/g;
const MAX_MESSAGE_LENGTH = 300;
/** PostgreSQL's own messages are far shorter. A longer one is not looked at, and not kept. */
const MAX_READ_LENGTH = 8_000;

/**
 * The message without the order's data, in one line.
 * @param names names of the schema, which may stay
 */
export function withoutData(
  message: string,
  names: readonly string[],
  order: NewOrder,
): string {
  if (message.length > MAX_READ_LENGTH) return CUT;
  const line = message.replace(CONTROLS, " ").trim();
  const bare = withoutQuoted(withoutValues(line.replace(BYTES, CUT), names, order), names);
  return bare.length <= MAX_MESSAGE_LENGTH ? bare : `${bare.slice(0, MAX_MESSAGE_LENGTH - 1)}…`;
}

function withoutQuoted(text: string, names: readonly string[]): string {
  let kept = "";
  let rest = text;
  for (;;) {
    const open = rest.search(QUOTE);
    if (open === -1) return kept + rest;
    const name = quotedName(rest.slice(open), names);
    if (name === null) return kept + rest.slice(0, open) + cutQuoted(rest.slice(open));
    kept += rest.slice(0, open) + name;
    rest = rest.slice(open + name.length);
  }
}

/** The quoted name that `text` begins with; null when it is none. */
function quotedName(text: string, names: readonly string[]): string | null {
  for (const name of names) {
    const quoted = new RegExp(
      `^${QUOTE.source}${SPACES}${escaped(name)}${SPACES}${QUOTE.source}`,
    );
    const found = quoted.exec(text);
    if (found !== null) return found[0];
  }
  return null;
}

/** @param text begins with a quote. A quote that nothing closes goes to the end. */
function cutQuoted(text: string): string {
  let last = text.length;
  while (last > 1 && !QUOTE.test(text[last - 1]!)) last--;
  return text[0] + CUT + (last > 1 ? text.slice(last - 1) : "");
}

function withoutValues(text: string, names: readonly string[], order: NewOrder): string {
  let bare = text;
  for (const value of textsOf(order)) {
    if (!names.includes(value)) bare = bare.replace(standingAlone(value), CUT);
  }
  const numbers = numbersOf(order);
  return bare.replace(NUMBER, (digits) => numbers.has(Number(digits)) ? CUT : digits);
}

/** A value as a word of its own, in capitals or not. */
function standingAlone(value: string): RegExp {
  return new RegExp(`(?<![A-Za-z0-9_])${escaped(value)}(?![A-Za-z0-9_])`, "gi");
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** The texts of an order, longest first: a short one may be a part of a long one. */
function textsOf(order: NewOrder): string[] {
  const lines: { sku: string }[] = JSON.parse(order.linesJson);
  const metadata: Record<string, string> = JSON.parse(order.metadataJson);
  const texts = [
    order.idempotencyKey,
    order.customerRef ?? "",
    ...lines.map(({ sku }) => sku),
    ...Object.entries(metadata).flat(),
  ];
  return [...new Set(texts.map((text) => text.trim()))].filter((text) => text !== "")
    .sort((a, b) => b.length - a.length);
}

/** The numbers of an order. One digit alone tells nothing of it, and may be the rule's own. */
function numbersOf(order: NewOrder): Set<number> {
  const lines: { quantity: number; unitPriceMinor: number }[] = JSON.parse(order.linesJson);
  const numbers = [
    order.totalMinor,
    order.units,
    ...lines.flatMap(({ quantity, unitPriceMinor }) => [quantity, unitPriceMinor]),
  ];
  return new Set(numbers.filter((number) => number > 9));
}
