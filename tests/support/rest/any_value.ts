/**
 * Values that a JSON Schema of the description allows, and values that it probably does not, by
 * fast-check. Only the words of JSON Schema that the description uses are known.
 */
import fc, { type Arbitrary } from "fast-check";
import type { Schema } from "./description.ts";

/** The store of good orders. */
export const ANY_STORE = "fuzz";

/** Lists are kept short: their bounds are tested elsewhere. */
const MAX_ENTRIES = 4;

/** So that the total of an order stays within its bound. */
const MAX_NUMBER = 1_000_000;

/** Values that `schema` allows. @param find gives the schema of a reference */
export function allowedBy(schema: Schema, find: (ref: string) => Schema): Arbitrary<unknown> {
  const of = (part: unknown) => allowedBy(part as Schema, find);
  if (typeof schema["$ref"] === "string") return of(find(schema["$ref"]));
  if ("const" in schema) return fc.constant(schema["const"]);
  if (Array.isArray(schema["enum"])) return fc.constantFrom(...schema["enum"]);
  const choices = (schema["anyOf"] ?? schema["oneOf"]) as Schema[] | undefined;
  if (choices !== undefined) return fc.oneof(...choices.map(of));
  switch (schema["type"]) {
    case "string":
      return textOf(schema);
    case "integer":
      return fc.integer(boundsOf(schema));
    case "number":
      return fc.double({ ...boundsOf(schema), noNaN: true, noDefaultInfinity: true });
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(of(schema["items"]), {
        minLength: Number(schema["minItems"] ?? 0),
        maxLength: Math.max(Number(schema["minItems"] ?? 0), MAX_ENTRIES),
      });
    case "object":
      return objectOf(schema, of);
    default:
      return fc.jsonValue();
  }
}

function boundsOf(schema: Schema): { min: number; max: number } {
  const { minimum = 0, maximum = MAX_NUMBER } = schema as { minimum?: number; maximum?: number };
  return { min: minimum, max: Math.min(maximum, MAX_NUMBER) };
}

function objectOf(schema: Schema, of: (part: unknown) => Arbitrary<unknown>): Arbitrary<unknown> {
  const { properties, required = [], additionalProperties } = schema as {
    properties?: Record<string, Schema>;
    required?: string[];
    additionalProperties?: unknown;
  };
  if (properties === undefined) {
    const value = additionalProperties === undefined ? fc.string() : of(additionalProperties);
    return fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), value, { maxKeys: MAX_ENTRIES });
  }
  const fields = Object.fromEntries(
    Object.entries(properties).map((
      [name, part],
    ) => [name, USUAL[name] ?? of(part)]),
  );
  return fc.record(fields, { requiredKeys: required });
}

/** Most values of these fields would be refused, so a request with one would say little else. */
const USUAL: Readonly<Record<string, Arbitrary<string>>> = {
  currency: fc.constantFrom("EUR", "USD", "JPY"),
  storeId: fc.constant(ANY_STORE),
};

function textOf(schema: Schema): Arbitrary<string> {
  if (schema["format"] === "uuid") return fc.uuid({ version: 4 });
  if (typeof schema["pattern"] === "string") {
    return fc.stringMatching(new RegExp(schema["pattern"]));
  }
  return fc.stringMatching(/^[ -~]*$/, {
    size: "small",
  }).map((text) => text.slice(0, Number(schema["maxLength"] ?? 20)))
    .filter((text) => text.length >= Number(schema["minLength"] ?? 0));
}

/** Any text, among it what has broken servers before. */
export const ANY_TEXT: Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.constantFrom(
    "",
    "__proto__",
    "constructor",
    "../../etc/passwd",
    "%00",
    "\u0000",
    "\ud800",
    "' or 1=1 --",
    "9".repeat(400),
    "-1",
    "1e400",
    "null",
    "undefined",
    "true",
    "x".repeat(3_000),
  ),
);

/** A value like `value` with one mistake in it. */
export function spoiled(value: unknown): Arbitrary<unknown> {
  const any = fc.oneof(fc.jsonValue({ maxDepth: 2 }), ANY_TEXT, fc.double(), fc.constant({}));
  if (Array.isArray(value)) return spoiledList(value, any);
  if (typeof value !== "object" || value === null) return any;
  const fields = Object.entries(value);
  const added = fc.tuple(ANY_TEXT, any).map(([name, more]) =>
    Object.fromEntries([...fields, [name, more]])
  );
  if (fields.length === 0) return fc.oneof(any, added);
  const one = fc.nat(fields.length - 1).chain((at) => {
    const without = fields.filter((_, index) => index !== at);
    const [name, part] = fields[at]!;
    return fc.oneof(
      fc.constant(Object.fromEntries(without)),
      spoiled(part).map((bad) => Object.fromEntries([...without, [name, bad]])),
      fc.constant(Object.fromEntries([...without, [name.toUpperCase(), part]])),
    );
  });
  return fc.oneof({ weight: 4, arbitrary: one }, added, any);
}

function spoiledList(list: readonly unknown[], any: Arbitrary<unknown>): Arbitrary<unknown> {
  const longer = fc.constant(Array.from({ length: 600 }, (_, at) => list[at % (list.length || 1)]));
  if (list.length === 0) return fc.oneof(any, longer);
  const one = spoiled(list[0]).map((bad) => [bad, ...list.slice(1)]);
  return fc.oneof({ weight: 4, arbitrary: one }, longer, fc.constant([]), any);
}
