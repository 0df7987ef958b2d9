/**
 * The one place where values that differ from run to run become placeholders. A value is known by
 * its shape or by the name of its field. Everything else stays, also the order of keys.
 *
 * Equal elements that follow each other in an array are written once, with a line that counts the
 * others.
 */

/** Texts of this run (a key's token, a cursor, a letter's id), each with its placeholder. */
export type Names = ReadonlyMap<string, string>;

/** Numbers that are measured, counted by chance, or taken from a clock. Null stays null. */
const NUMBERS: Readonly<Record<string, string>> = {
  ageMs: "<ms>",
  commitMsP50: "<ms>",
  commitMsP99: "<ms>",
  lagMs: "<ms>",
  lastRunMs: "<ms>",
  ms: "<ms>",
  oldestAgeMs: "<ms>",
  overlaps: "<count>",
  checked: "<count>",
  failuresInARow: "<count>",
  epoch: "<epoch>",
  version: "<version>",
};

/** Parts of the status that change by the clock. Their own tests look at them. */
const BY_THE_CLOCK = new Set(["auditor", "problems"]);

/** Reasons whose `retryAfterMs` depends on the database's speed; all others have constants. */
const CALCULATED_WAIT = new Set<unknown>(["circuit_open", "queue_full"]);

const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;
const DAY = /^\d{4}-\d\d-\d\d$/;
/** Any version but 5: order ids are of version 5, and the same in every run. `%22` is a quote. */
const UUID =
  /(?<=\b|%22)[0-9a-f]{8}-[0-9a-f]{4}-[0-46-9a-f][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;
/** A whole text, the value of a header, or a text within a query. */
const EVENT_ID = /(?<=^|^last-event-id: )\d+:\d+$|(?<=%22)\d+%3A\d+(?=%22)/g;
const RELEASE = /^\d+\.\d+\.\d+$/;
const FEWEST_EQUAL = 3;

/** `value` with its placeholders. */
export function normalised(value: unknown, names: Names): unknown {
  if (typeof value === "string") return normalisedText(value, names);
  if (Array.isArray(value)) return shortened(value.map((element) => normalised(element, names)));
  if (typeof value !== "object" || value === null) return value;
  const { reason } = value as { reason?: unknown };
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      if (BY_THE_CLOCK.has(key)) return [key, `<${key}>`];
      if (typeof field !== "number") return [key, normalised(field, names)];
      if (key === "retryAfterMs" && CALCULATED_WAIT.has(reason)) return [key, "<ms>"];
      return [key, NUMBERS[key] ?? field];
    }),
  );
}

/** Headers beside their body, which says whether `Retry-After` was calculated. */
export function normalisedHeaders(
  headers: readonly string[],
  body: string,
  names: Names,
): string[] {
  const isCalculated = [...CALCULATED_WAIT].some((reason) => body.includes(`"reason":"${reason}"`));
  return headers.map((header) =>
    isCalculated && header.startsWith("retry-after: ")
      ? "retry-after: <s>"
      : normalisedText(header, names)
  );
}

/** Half a character, escaped. It is valid JSON, but the formatter of JSON files refuses it. */
const HALF_CHARACTER = /\\ud[89a-f]/i;

/** The text as JSON if JSON keeps all of it, else its lines. */
export function readable(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (JSON.stringify(value) === text && !HALF_CHARACTER.test(text)) return value;
  } catch {
    // The text is no JSON.
  }
  return text.includes("\n") ? text.split("\n") : text;
}

function normalisedText(text: string, names: Names): string {
  let result = text.replaceAll(TIME, "<time>"); // first: a short name may be a part of a time
  for (const [value, placeholder] of names) {
    result = result.replaceAll(value, placeholder)
      .replaceAll(encodeURIComponent(value), placeholder);
  }
  if (DAY.test(result)) return "<day>";
  if (RELEASE.test(result)) return "<release>";
  return result.replaceAll(EVENT_ID, "<epoch>:<version>").replaceAll(UUID, "<uuid>");
}

function shortened(elements: readonly unknown[]): unknown[] {
  const texts = elements.map((element) => JSON.stringify(element));
  const result: unknown[] = [];
  for (let start = 0, end = 0; start < elements.length; start = end) {
    while (end < elements.length && texts[end] === texts[start]) end++;
    const count = end - start;
    if (count < FEWEST_EQUAL) result.push(...elements.slice(start, end));
    else result.push(elements[start], `<${count - 1} more like this>`);
  }
  return result;
}
