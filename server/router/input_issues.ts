/**
 * Mistakes in inputs, in words: each says what must stand there, what stands there, and what was
 * probably meant. They hold for every input, because zod asks here for the words of any mistake
 * that its shape has no words for.
 *
 * Unknown fields come first: a misspelt name is the cause, and the missing field beside it only
 * the consequence.
 */
import { z } from "zod";
import type { InputIssue } from "../../client/contract/refusal.ts";
import { nearest } from "./nearest.ts";

type RawIssue = z.core.$ZodRawIssue;

/** An answer must stay small: a megabyte of mistakes would make eight megabytes of issues. */
const MAX_ISSUES = 50;
const MAX_ISSUE_LENGTH = 300;
const MAX_UNKNOWN_FIELDS = 5;
const MAX_SHOWN_LENGTH = 40;

const NOUNS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  record: "an object",
  array: "an array",
};

/** The verb of a size, and its unit for one and for many. A number has none. */
const UNITS: ReadonlyMap<string, readonly [verb: string, unit: readonly [string, string]]> =
  new Map([
    ["string", ["have", [" character", " characters"]]],
    ["array", ["have", [" entry", " entries"]]],
  ]);

interface Sized {
  readonly origin: string;
}

z.config({ customError: wordsOf });

/** The first issues of an input, each with its path; those of unknown fields before all others. */
export function issuesOf(error: z.ZodError): InputIssue[] {
  const isUnknown = ({ code }: { code: string }) => code === "unrecognized_keys";
  const others = error.issues.filter((issue) => !isUnknown(issue));
  return [...error.issues.filter(isUnknown), ...others].slice(0, MAX_ISSUES)
    .map(({ path, message }) => ({
      path: shortened(path.map(String).join("."), MAX_ISSUE_LENGTH),
      message: shortened(message, MAX_ISSUE_LENGTH),
    }));
}

/** The first issue of an input as one sentence. */
export function invalidMessage(issues: readonly InputIssue[]): string {
  const [first] = issues;
  if (first === undefined) return "the input is invalid";
  const { path, message } = first;
  const isWhole = path === "" && message.startsWith(UNKNOWN_FIELD);
  const where = isWhole ? "" : path === "" ? "the input: " : `${path}: `;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return `${where}${message}${more}`;
}

/** The words of an issue; undefined: zod's own. */
function wordsOf(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case "unrecognized_keys":
      return unknownFields(issue);
    case "invalid_type":
      return wrongType(issue);
    case "too_big":
      return sizeOf("most", issue, issue.maximum);
    case "too_small":
      return sizeOf("least", issue, issue.minimum);
    case "invalid_value":
      return `must be one of ${issue.values.map(String).join(", ")}`;
    case "invalid_format":
      return issue.format === "uuid" ? "must be a UUID" : undefined;
    default:
      return undefined;
  }
}

const UNKNOWN_FIELD = "unknown field";

function unknownFields(issue: RawIssue & { code: "unrecognized_keys" }): string {
  const known = fieldsOf(issue.inst);
  const free = known.filter((name) => !Object.hasOwn(Object(issue.input), name));
  const words = issue.keys.slice(0, MAX_UNKNOWN_FIELDS).map((key) => {
    const meant = nearest(key, free);
    const hint = meant === undefined ? "" : `, did you mean ${meant}?`;
    return `${UNKNOWN_FIELD} ${shortened(key, MAX_SHOWN_LENGTH)}${hint}`;
  });
  const more = issue.keys.length - words.length;
  const text = words.join(words.some((word) => word.endsWith("?")) ? " " : ", ");
  if (more > 0) return `${text} and ${more} more`;
  if (words.length > 1 || text.endsWith("?") || known.length === 0) return text;
  return `${text}: the fields are ${known.join(", ")}`;
}

/** The names of the shape that raised the issue. */
function fieldsOf(shape: unknown): string[] {
  return shape instanceof z.ZodObject ? Object.keys(shape.shape) : [];
}

function wrongType(issue: RawIssue & { code: "invalid_type" }): string | undefined {
  const isInt = issue.inst instanceof z.ZodNumberFormat;
  const noun = NOUNS[isInt ? "int" : issue.expected];
  if (noun === undefined) return undefined;
  const { input } = issue;
  const name = String(issue.path?.at(-1) ?? "");
  if (input === undefined) return `missing, must be ${noun}`;
  if (name.endsWith("Minor") && isDecimal(input)) {
    const minor = Math.round(Number(input) * 100);
    return `must be a whole number of minor units, not ${shown(input)}: ` +
      `with two decimals ${Number(input)} is ${minor}`;
  }
  return `must be ${noun}, not ${shown(input)}${hintOf(issue.expected, input)}`;
}

function isDecimal(input: unknown): boolean {
  return /^-?\d{1,15}\.\d+$/.test(typeof input === "number" ? String(input) : text(input));
}

/** The usual slip behind a value of the wrong type. */
function hintOf(expected: string, input: unknown): string {
  if (expected === "string") return typeof input === "number" ? ": put it in quotes" : "";
  if (typeof input !== "string") return "";
  const isNumber = (expected === "number" || expected === "int") && /^-?\d+(\.\d+)?$/.test(input);
  const isBoolean = expected === "boolean" && /^(true|false)$/.test(input);
  if (isNumber || isBoolean) return ": leave the quotes out";
  return expected === "object" && input.startsWith("{") ? ": it is JSON within JSON" : "";
}

function shown(input: unknown): string {
  if (input === null) return "null";
  if (Array.isArray(input)) return "an array";
  if (typeof input === "object") return "an object";
  if (typeof input === "string") return `the text "${shortened(input, MAX_SHOWN_LENGTH)}"`;
  return shortened(String(input), MAX_SHOWN_LENGTH);
}

function text(input: unknown): string {
  return typeof input === "string" ? input : "";
}

function sizeOf(bound: "most" | "least", { origin }: Sized, size: number | bigint): string {
  const [verb, unit] = UNITS.get(origin) ?? ["be", ["", ""]];
  return `must ${verb} at ${bound} ${size}${unit[Number(size) === 1 ? 0 : 1]}`;
}

function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
