/**
 * JSON Schemas of the description (2020-12, as OpenAPI 3.1 has them), made from the zod shapes of
 * inputs and answers.
 *
 * Objects of answers are open: a later version may have one more field, and a client that was made
 * from an older description must take it. Inputs are strict, as the contract says.
 *
 * Tested in tests/server/front/rest/description_test.ts.
 */
import { z } from "zod";
import { placeInput } from "../../../../client/contract/order.ts";
import { storeIdInput } from "../../../../client/contract/text.ts";
import type { Operation } from "../operations.ts";
import { SHAPES } from "../shapes/mod.ts";
import { placedOrder } from "../shapes/orders.ts";
import { EXAMPLES } from "./examples.ts";
import { FIELD_WORDS } from "./field_words.ts";

/** A JSON Schema. */
export type Schema = Record<string, unknown>;
type Fields = Record<string, Schema>;

const COMPONENTS = "#/components/schemas/";

/** A reference to the schema of this name. */
export function refTo(name: string): Schema {
  return { $ref: `${COMPONENTS}${name}` };
}

/** Every schema that the description names. */
export function componentSchemas(operations: readonly Operation[]): Record<string, Schema> {
  const newOrder = withoutDefaults(described(inputSchema(placeInput)));
  const all: Record<string, Schema> = { ...answerSchemas(), NewOrder: newOrder };
  for (const operation of operations) {
    const body = bodySchema(operation);
    if (body !== null) all[bodyName(operation)] = body;
  }
  for (const [name, example] of Object.entries(EXAMPLES)) all[name]!["examples"] = [example];
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => a < b ? -1 : 1));
}

/** The name of the schema of an operation's body. */
export function bodyName({ id }: Operation): string {
  return `${id.charAt(0).toUpperCase()}${id.slice(1)}Body`;
}

/** The schema of an operation's body; null: it takes none. */
export function bodySchema(operation: Operation): Schema | null {
  if (operation.method !== "POST") return null;
  const { properties, required, ...schema } = fieldsOf(operation);
  if (Object.keys(properties).length === 0) return null;
  if (operation.procedure === "orders.placeMany") {
    properties["orders"] = { type: "array", minItems: 1, maxItems: 500, items: inStore() };
  }
  const given = operation.takesKey === true ? ["idempotencyKey"] : [];
  const all = required.filter((name) => !given.includes(name));
  return withoutDefaults({
    ...schema,
    properties,
    ...(all.length === 0 ? {} : { required: all }),
  });
}

/** The fields of an operation's query, each with its schema. */
export function queryFields(operation: Operation): { name: string; schema: Schema }[] {
  if (operation.method !== "GET") return [];
  const { properties } = fieldsOf(operation);
  return Object.entries(properties).map(([name, schema]) => ({ name, schema }));
}

/** The schema of a parameter of the path. The store of a batch is no field of its input. */
export function pathField({ input }: Operation, name: string): Schema {
  const field = inputSchema((input.shape[name] ?? storeIdInput) as z.ZodType);
  return { ...field, ...FIELD_WORDS[name] };
}

/** The input of an operation without the fields of its path. */
function fieldsOf({ input, path }: Operation) {
  const schema = described(inputSchema(input)) as { properties?: Fields; required?: string[] };
  const inPath = (name: string) => path.includes(`{${name}}`);
  const properties = Object.fromEntries(
    Object.entries(schema.properties ?? {}).filter(([name]) => !inPath(name)),
  );
  const required = (schema.required ?? []).filter((name) => !inPath(name));
  return { ...schema, properties, required };
}

/** An order of a batch. The path has its store, so the order may leave the store out. */
function inStore(): Schema {
  const order = withoutDefaults(described(inputSchema(placeInput)));
  const { required, ...schema } = order as { required: string[] };
  return { ...schema, required: required.filter((name) => name !== "storeId") };
}

function answerSchemas(): Record<string, Schema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, shape] of Object.entries(SHAPES)) registry.add(shape, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io: "input", // the shapes change nothing, and so their objects stay open
    uri: (id) => `${COMPONENTS}${id}`,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      unbounded(jsonSchema);
      if (zodSchema === placedOrder) replace(jsonSchema, refTo("NewOrder"));
    },
  });
  const named = Object.entries(schemas).map(([name, schema]) => [name, withoutHead(schema)]);
  return Object.fromEntries(named);
}

function inputSchema(shape: z.ZodType): Schema {
  return withoutHead(z.toJSONSchema(shape, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema, path }) => {
      unbounded(jsonSchema);
      if (zodSchema === placeInput && path.length > 0) {
        return replace(jsonSchema, refTo("NewOrder"));
      }
      if (!(zodSchema instanceof z.ZodPipe)) return;
      // Text and lists are checked for their type first, and then for their size: the second says all.
      const sized = zodSchema.out as z.ZodType;
      if (!(sized instanceof z.ZodTransform)) replace(jsonSchema, inputSchema(sized));
    },
  }));
}

/**
 * The same schema of a body, its defaults in words. Generators of clients take a field that has a
 * default for one that is always there, and then ask a caller for it.
 */
function withoutDefaults(schema: Schema): Schema {
  const properties = Object.entries(schema["properties"] as Fields).map(([name, field]) => {
    const { default: value, description, ...rest } = field;
    if (value === undefined) return [name, field];
    const words = `${description} Left out, it is ${JSON.stringify(value)}.`;
    return [name, { ...rest, description: words }];
  });
  return { ...schema, properties: Object.fromEntries(properties) };
}

/** Takes the bounds of every whole number of JSON away, which say nothing of the field. */
function unbounded(schema: { minimum?: number; maximum?: number }): void {
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
}

function replace(schema: object, by: Schema): void {
  for (const name of Object.keys(schema)) Reflect.deleteProperty(schema, name);
  Object.assign(schema, by);
}

function withoutHead({ $schema: _, $id: __, ...schema }: Schema): Schema {
  return schema;
}

/** The same schema, its fields in words. */
function described(schema: Schema): Schema {
  const properties = schema["properties"] as Fields | undefined;
  if (properties === undefined) return schema;
  const worded = Object.entries(properties).map(([name, field]) => [
    name,
    { ...field, ...FIELD_WORDS[name] },
  ]);
  return { ...schema, properties: Object.fromEntries(worded) };
}
