/**
 * The input of an operation, put together from the path, the query or the body, and the headers. The
 * procedure checks it by its own shape. Here is only what has no place in JSON: text that stands for
 * a number, a field that is given twice, and two places that say different things.
 *
 * Tested in tests/server/front/rest/inputs_test.ts.
 */
import { TRPCError } from "@trpc/server";
import { z } from "zod";
import { invalidInput } from "../../../client/contract/refused.ts";
import { idempotencyKeyOf, KEY_HEADER } from "./idempotency_key.ts";
import type { Operation } from "./operations.ts";

/** A request, as far as its input is read from it. */
export interface InputParts {
  /** The values in the path. */
  readonly values: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The body as text; empty: there is none. */
  readonly body: string;
  readonly rawHeaders: readonly string[];
  readonly lastEventId: string | undefined;
}

type Fields = Record<string, unknown>;

/** The raw input of an operation. @throws Refused invalid_input */
export function inputOf(operation: Operation, parts: InputParts): unknown {
  const given = operation.method === "GET" ? ofQuery(operation, parts.query) : ofBody(parts);
  if (!isFields(given)) return given; // the procedure says what must stand there
  if (operation.method === "GET" || isNothing(operation)) assertKnown(given, operation);
  const input: Fields = { ...given, ...keyIn(operation, given, parts.rawHeaders) };
  for (const [name, value] of Object.entries(parts.values)) {
    if (!Object.hasOwn(operation.input.shape, name)) continue; // the store of a batch
    if (input[name] !== undefined && input[name] !== value) throw differs(name);
    input[name] = value;
  }
  if (resumes(operation) && parts.lastEventId) input["lastEventId"] = parts.lastEventId;
  if (Array.isArray(input["orders"])) input["orders"] = input["orders"].map(inStore(parts.values));
  return input;
}

/** True for an operation whose procedure reads no input of its own. */
export function isNothing({ input, path }: Operation): boolean {
  return Object.keys(input.shape).length === 0 && !path.includes("{");
}

const NUMBER = /^-?\d{1,15}(\.\d{1,15})?$/;

/** The fields of a query. A number is written as text there. */
function ofQuery({ input }: Operation, query: URLSearchParams): Fields {
  const fields: Fields = {};
  for (const [name, text] of query) {
    if (Object.hasOwn(fields, name)) throw invalidInput(name, "must stand in the query once");
    const isNumber = takesNumber(input.shape[name]) && NUMBER.test(text);
    define(fields, name, isNumber ? Number(text) : text);
  }
  return fields;
}

function ofBody({ body, query }: InputParts): unknown {
  for (const name of query.keys()) {
    throw invalidInput(name, "stands in the query: a POST takes its fields from the body");
  }
  if (body.trim() === "") return {};
  try {
    return JSON.parse(body);
  } catch (error) {
    throw invalidInput("body", `is not JSON: ${error instanceof Error ? error.message : error}`);
  }
}

/** A name may be `__proto__`, which an assignment would not keep. */
function define(fields: Fields, name: string, value: unknown): void {
  const property = { value, enumerable: true, configurable: true, writable: true };
  Object.defineProperty(fields, name, property);
}

function isFields(input: unknown): input is Fields {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}

/**
 * Its procedure may take more, or read no input at all.
 * @throws TRPCError when there is a field that the operation does not have
 */
function assertKnown(given: Fields, { input }: Operation): void {
  const unknown = Object.entries(given).filter(([name]) => !Object.hasOwn(input.shape, name));
  if (unknown.length === 0) return;
  const parsed = input.partial().safeParse(Object.fromEntries(unknown));
  if (!parsed.success) throw new TRPCError({ code: "BAD_REQUEST", cause: parsed.error });
}

/** The idempotency key of the header, for an operation that takes one. */
function keyIn({ takesKey }: Operation, given: Fields, rawHeaders: readonly string[]): Fields {
  if (takesKey !== true) return {};
  const ofHeader = idempotencyKeyOf(rawHeaders);
  const inBody = given["idempotencyKey"];
  if (ofHeader === null) {
    if (inBody !== undefined) return {};
    throw invalidInput(
      KEY_HEADER,
      "missing: send this header, or idempotencyKey in the body, so that a repeat stays one order",
    );
  }
  if (inBody !== undefined && inBody !== ofHeader) {
    throw invalidInput("idempotencyKey", `is not the key of the header ${KEY_HEADER}`);
  }
  return { idempotencyKey: ofHeader };
}

/** Gives an order of a batch the store of the path. Whatever is no order is left as it is. */
function inStore({ storeId }: Readonly<Record<string, string>>) {
  return (order: unknown, index: number): unknown => {
    if (!isFields(order)) return order;
    const own = order["storeId"];
    if (own !== undefined && own !== storeId) throw differs("storeId", `orders.${index}.storeId`);
    return { ...order, storeId };
  };
}

function differs(name: string, path = name) {
  return invalidInput(path, `is not the ${name} of the path`);
}

function resumes({ answers }: Operation): boolean {
  return answers.kind === "events" && answers.resumes;
}

function takesNumber(shape: unknown): boolean {
  if (shape instanceof z.ZodDefault || shape instanceof z.ZodOptional) {
    return takesNumber(shape.unwrap());
  }
  return shape instanceof z.ZodNumber;
}
