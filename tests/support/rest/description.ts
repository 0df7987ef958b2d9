/**
 * The description of an instance, and its judgement of answers: each has a status, a content type and
 * a body that the description allows. Objects are closed for that: a field that the description does
 * not know is a mistake of this version.
 */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { Answer } from "../load/raw_calls.ts";
import { request } from "../load/raw_calls.ts";

export type Schema = Record<string, unknown>;

interface Media {
  readonly schema: Schema;
  readonly "x-event-data"?: Schema;
}

interface ResponseObject {
  readonly $ref?: string;
  readonly headers?: Record<string, { required?: boolean; schema: Schema }>;
  readonly content?: Record<string, Media>;
}

export interface ParameterObject {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly schema: Schema;
}

export interface OperationObject {
  readonly operationId: string;
  readonly parameters?: readonly ParameterObject[];
  readonly requestBody?: { readonly content: Record<string, Media> };
  readonly responses: Record<string, ResponseObject>;
  readonly "x-procedure": string;
}

export interface Document {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Record<string, Record<string, OperationObject>>;
  readonly components: {
    readonly schemas: Record<string, Schema>;
    readonly responses: Record<string, ResponseObject>;
  };
}

export interface Described {
  readonly method: string;
  readonly path: string;
  readonly operation: OperationObject;
}

export class Description {
  readonly operations: readonly Described[];
  readonly #ajv: Ajv2020;
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(readonly document: Document) {
    this.operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
      }))
    );
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(this.#ajv);
    this.#ajv.addSchema({
      $id: "weir:",
      components: { schemas: closed(document.components.schemas) },
    });
  }

  static async of(url: string): Promise<Description> {
    return new Description((await request(`${url}/api/v1/openapi.json`)).body as Document);
  }

  /** The operation of this id. */
  find(operationId: string): OperationObject {
    const found = this.operations.find(({ operation }) => operation.operationId === operationId);
    if (found === undefined) throw new Error(`no operation ${operationId} is described`);
    return found.operation;
  }

  /** @throws Error when the description does not allow the answer to this operation */
  check(operationId: string, { status, headers, body, text }: Answer): void {
    const named = `${operationId} answered ${status} ${text.slice(0, 600)}`;
    const given = this.find(operationId).responses[status];
    if (given === undefined) throw new Error(`${named}, a status that is not described`);
    const response = this.#resolved(given);
    const type = (headers.get("content-type") ?? "").split(";", 1)[0]!;
    const media = response.content?.[type];
    if (media === undefined) throw new Error(`${named}, as ${type}, which is not described`);
    this.#assert(media.schema, body, named);
    for (const [name, { required, schema }] of Object.entries(response.headers ?? {})) {
      const value = headers.get(name);
      if (value === null && required !== true) continue;
      const read = schema["type"] === "integer" ? Number(value) : value;
      this.#assert(schema, read, `${named}, header ${name}: ${value}`);
    }
  }

  /** @throws Error when the description does not allow `data` in an event of this operation */
  checkEvent(operationId: string, data: unknown): void {
    const { content = {} } = this.#resolved(this.find(operationId).responses["200"]!);
    const schema = content["text/event-stream"]!["x-event-data"]!;
    this.#assert(schema, data, `an event of ${operationId}: ${JSON.stringify(data)}`);
  }

  /** @throws Error when `value` breaks a schema of the components */
  checkSchema(name: string, value: unknown): void {
    this.#assert(
      { $ref: `#/components/schemas/${name}` },
      value,
      `${name}: ${JSON.stringify(value)}`,
    );
  }

  #resolved(response: ResponseObject): ResponseObject {
    const { $ref } = response;
    return $ref === undefined
      ? response
      : this.document.components.responses[$ref.slice($ref.lastIndexOf("/") + 1)]!;
  }

  #assert(schema: Schema, value: unknown, named: string): void {
    const text = JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"weir:#/');
    let validate = this.#validators.get(text);
    if (validate === undefined) {
      validate = this.#ajv.compile(JSON.parse(text) as Schema);
      this.#validators.set(text, validate);
    }
    if (validate(value) !== true) {
      throw new Error(`${named} breaks its schema: ${this.#ajv.errorsText(validate.errors)}`);
    }
  }
}

/** The same schemas, in which no object may have a field that is not described. */
function closed<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map(closed) as T;
  if (typeof schema !== "object" || schema === null) return schema;
  const all = Object.fromEntries(
    Object.entries(schema).map(([name, part]) => [name, closed(part)]),
  ) as Record<string, unknown>;
  if (all["type"] === "object" && "properties" in all) all["additionalProperties"] ??= false;
  return all as T;
}
