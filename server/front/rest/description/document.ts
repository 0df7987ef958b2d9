/**
 * The description of REST in OpenAPI 3.1, made from the table of operations and the shapes. It is made
 * when somebody first asks, and kept.
 *
 * Tested in tests/server/front/rest/description_test.ts.
 */
import { VERSION } from "../../../version.ts";
import { JSON_TYPE } from "../accept.ts";
import { KEY_HEADER } from "../idempotency_key.ts";
import { type Operation, OPERATIONS } from "../operations.ts";
import { API_PATH } from "../paths.ts";
import { OPERATION_WORDS } from "./operation_words.ts";
import { problemResponses, responsesOf } from "./responses.ts";
import {
  bodyName,
  bodySchema,
  componentSchemas,
  pathField,
  queryFields,
  refTo,
  type Schema,
} from "./schemas.ts";

const bytes = new Map<string, Uint8Array>();

/** The bytes of the description as it stands at `path`, the same for every reader. */
export function descriptionBytesAt(path: string): Uint8Array {
  let known = bytes.get(path);
  if (known === undefined) {
    known = new TextEncoder().encode(descriptionAt(path));
    bytes.set(path, known);
  }
  return known;
}

/** The description as it stands at `path`. The address of the service is relative to that. */
export function descriptionAt(path: string): string {
  return JSON.stringify(documentFor(path.startsWith(API_PATH) ? "../v1" : API_PATH.slice(1)));
}

function documentFor(server: string): Schema {
  return {
    openapi: "3.1.0",
    info: {
      title: "Weir",
      version: VERSION,
      summary: "Order intake that never loses or double-counts an order, with exact live figures.",
      description: INTRODUCTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: server, description: "This service." }],
    security: [{ key: [] }],
    tags: TAGS,
    paths: pathsOf(OPERATIONS),
    components: {
      schemas: componentSchemas(OPERATIONS),
      responses: problemResponses(),
      securitySchemes: {
        key: {
          type: "http",
          scheme: "bearer",
          description: "An API key (`deno task keys create`).",
        },
      },
    },
  };
}

const INTRODUCTION =
  `The same orders and figures as over tRPC, with paths, methods and status codes.

- A call without an answer may have stored the order: send it again with the same key.
- Errors are \`application/problem+json\`. \`reason\` is for programs, \`detail\` for people.
- Money is in minor units, such as cents. Sums over orders are decimal strings.
- Times are ISO 8601 in UTC with milliseconds.
- An unknown field of a request is \`invalid_input\`. An answer may get fields in later versions.`;

const TAGS = [
  { name: "orders", description: "Placing, reading and cancelling orders." },
  { name: "figures", description: "Exact figures, once or live." },
  { name: "keys", description: "The key of the call." },
  { name: "operators", description: "Status, dead letters, folds and audits." },
];

function pathsOf(operations: readonly Operation[]): Record<string, Schema> {
  const paths: Record<string, Schema> = {};
  for (const operation of operations) {
    const { path, method } = operation;
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(operation) };
  }
  return paths;
}

function operationOf(operation: Operation): Schema {
  const { id, scope } = operation;
  const { tag, summary, description } = OPERATION_WORDS[id]!;
  const needs = scope === null ? "Any key may call it." : `It needs the scope \`${scope}\`.`;
  const parameters = parametersOf(operation);
  const schema = bodySchema(operation);
  const isNeeded = schema?.["required"] !== undefined;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: `${description}\n\n${needs}`,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(schema === null ? {} : {
      requestBody: {
        required: isNeeded,
        content: { [JSON_TYPE]: { schema: refTo(bodyName(operation)) } },
      },
    }),
    responses: responsesOf(operation),
    "x-procedure": operation.procedure,
  };
}

function parametersOf(operation: Operation): Schema[] {
  const { path, takesKey, answers } = operation;
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) =>
    parameter("path", name, pathField(operation, name))
  );
  const inQuery = queryFields(operation).map(({ name, schema }) =>
    parameter("query", name, schema)
  );
  const resumes = answers.kind === "events" && answers.resumes;
  return [
    ...inPath,
    ...inQuery,
    ...(takesKey === true ? [KEY] : []),
    ...(resumes ? [LAST_EVENT_ID] : []),
  ];
}

function parameter(place: "path" | "query", name: string, field: Schema): Schema {
  const { description, ...schema } = field;
  return { name, in: place, required: place === "path", description, schema };
}

const KEY = {
  name: KEY_HEADER,
  in: "header",
  required: false,
  description:
    'The order\'s key as a string of Structured Fields: `"cart-1"`. The bare form `cart-1` ' +
    "is taken too. Without this header the body must have `idempotencyKey`; with both they must be " +
    "the same.",
  schema: { type: "string", minLength: 1, maxLength: 1_024 },
  example: '"cart-1"',
};

const LAST_EVENT_ID = {
  name: "Last-Event-ID",
  in: "header",
  required: false,
  description: "The id of the last event that was seen.",
  schema: { type: "string", pattern: "^\\d{1,15}:\\d{1,15}$" },
};
