/**
 * Any request of REST, made from the description: good ones, and ones with mistakes in the path, the
 * query, the headers or the body.
 */
import fc, { type Arbitrary } from "fast-check";
import { allowedBy, ANY_TEXT, spoiled } from "./any_value.ts";
import type { Described, Description, ParameterObject, Schema } from "./description.ts";

export interface AnyRequest {
  readonly operationId: string;
  readonly method: string;
  /** Below the address of the service, encoded. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** The values of paths that lead to something: stores, orders and letters of the test. */
export interface Known {
  readonly storeId: readonly string[];
  readonly orderId: readonly string[];
  readonly id: readonly string[];
}

interface Value {
  readonly parameter: ParameterObject;
  readonly text: string;
}

/** No instance has come so far, so a stream that goes on behind it waits. */
const AHEAD = "999999999999999:1";
const JSON_TYPE = "application/json";
/** These take no name that a header cannot have, and no value either. */
const HEADER_VALUE = /[^\x20-\x7e]/g;

/** Requests for the operations of a description. */
export function anyRequest(description: Description, known: Known): Arbitrary<AnyRequest> {
  const find = (ref: string) => {
    const { schemas } = description.document.components;
    return schemas[ref.slice(ref.lastIndexOf("/") + 1)]!;
  };
  return fc.oneof(...description.operations.map((one) => requestOf(one, known, find)));
}

function requestOf(
  { method, path, operation }: Described,
  known: Known,
  find: (ref: string) => Schema,
): Arbitrary<AnyRequest> {
  const { operationId, parameters = [], requestBody } = operation;
  const values = fc.tuple(...parameters.map((parameter) => valueOf(parameter, known, find)));
  const schema = requestBody?.content[JSON_TYPE]?.schema;
  const body = schema === undefined ? fc.constant(null) : bodyOf(schema, find);
  return fc.record({ values, body, extra: extraQuery, headers: oddHeaders, other: otherMethod })
    .map(({ values, body, extra, headers, other }) => {
      const given = values.filter((value): value is Value => value !== null);
      const of = (place: string) => given.filter(({ parameter }) => parameter.in === place);
      const asked = other ?? method;
      return {
        operationId,
        method: asked,
        target: `/api/v1${pathOf(path, of("path"))}${queryOf(of("query"), extra)}`,
        headers: {
          ...(body === null ? {} : { "content-type": JSON_TYPE }),
          ...Object.fromEntries(of("header").map(({ parameter, text }) => [parameter.name, text])),
          ...headers,
        },
        body: asked === "GET" || asked === "HEAD" ? null : body,
      };
    });
}

/** The text of a parameter; null: it is left out. */
function valueOf(
  parameter: ParameterObject,
  known: Known,
  find: (ref: string) => Schema,
): Arbitrary<Value | null> {
  const { name, schema, required } = parameter;
  const there = name in known ? known[name as keyof Known] : [];
  const good = name === "Idempotency-Key"
    ? fc.oneof(fc.uuid(), fc.uuid().map((key) => `"${key}"`))
    : name === "Last-Event-ID"
    ? fc.constantFrom("1:1", "1:2", "2:1", "1:0", AHEAD)
    : allowedBy(schema, find).map(String);
  const text = fc.oneof(
    ...(there.length > 0 ? [{ weight: 12, arbitrary: fc.constantFrom(...there) }] : []),
    { weight: 5, arbitrary: good },
    { weight: 1, arbitrary: ANY_TEXT },
  ).map((text) => parameter.in === "header" ? text.replace(HEADER_VALUE, "") : text);
  const value = text.map((text): Value => ({ parameter, text }));
  return required ? value : fc.option(value, { freq: 2 });
}

function bodyOf(schema: Schema, find: (ref: string) => Schema): Arbitrary<string | null> {
  const good = allowedBy(schema, find);
  return fc.oneof(
    { weight: 6, arbitrary: good.map((body) => JSON.stringify(body)) },
    { weight: 5, arbitrary: good.chain(spoiled).map((body) => JSON.stringify(body) ?? "") },
    { weight: 1, arbitrary: ANY_TEXT },
    { weight: 1, arbitrary: fc.constantFrom(null, "{", "[]", "\ufeff{}", "[".repeat(5_000)) },
  );
}

/** Null, but one time in fifteen. */
function rarely<T>(odd: Arbitrary<T>): Arbitrary<T | null> {
  return fc.oneof({ weight: 14, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: odd });
}

const extraQuery = rarely(fc.tuple(ANY_TEXT, ANY_TEXT));
const otherMethod = rarely(
  fc.constantFrom("PUT", "DELETE", "HEAD", "OPTIONS", "POST", "GET"),
);
const oddHeaders: Arbitrary<Record<string, string>> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { accept: "text/html" },
      { accept: "*/*;q=0" },
      { accept: ";;;" },
      { "content-type": "text/plain" },
      { "content-type": "application/json; charset=utf-16" },
      { "content-encoding": "br" },
      { "last-event-id": "-" },
    ),
  },
);

function pathOf(path: string, values: readonly Value[]): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name) => {
    const { text } = values.find(({ parameter }) => parameter.name === name)!;
    return encodeURIComponent(text.toWellFormed()) || "%20";
  });
}

function queryOf(values: readonly Value[], extra: readonly [string, string] | null): string {
  const pairs = values.map(({ parameter, text }) => [parameter.name, text.toWellFormed()]);
  if (extra !== null) pairs.push(extra.map((text) => text.toWellFormed()));
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}
