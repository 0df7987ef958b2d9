/**
 * Requests of REST for tests: by hand, or from a procedure and its input.
 */
import { assertEquals } from "@std/assert";
import { type Operation, OPERATIONS } from "../../../server/front/rest/operations.ts";
import { API_PATH } from "../../../server/front/rest/paths.ts";
import type { Problem } from "../../../server/front/rest/shapes/refusals.ts";
import { type Answer, authorization, request } from "../load/raw_calls.ts";
import { KEY } from "../services/instance.ts";

export interface RestRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; text is sent as it is. */
  readonly body?: unknown;
  /** Null: without a key. Default: the key with every scope. */
  readonly token?: string | null;
}

/** Sends a request to a path below `/api/v1`, or to any path that begins with `//`. */
export function rest(url: string, path: string, options: RestRequest = {}): Promise<Answer> {
  const { method, headers = {}, body, token = KEY } = options;
  const target = path.startsWith("//") ? path.slice(1) : `${API_PATH}${path}`;
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  return request(`${url}${target}`, {
    method: method ?? (text === undefined ? "GET" : "POST"),
    headers: {
      ...(text === undefined ? {} : { "content-type": "application/json" }),
      ...authorization(token),
      ...headers,
    },
    ...(text === undefined ? {} : { body: text }),
  });
}

export interface RestCall {
  readonly operation: Operation;
  readonly path: string;
  readonly body: unknown;
}

/** The request of REST for a call of tRPC; null: no path can say that. */
export function restCallOf(procedure: string, input: unknown): RestCall | null {
  const fields = { ...input as Record<string, unknown> | undefined };
  const operation = OPERATIONS.filter((one) => one.procedure === procedure).find(({ path }) =>
    namesIn(path).every((name) => valueOf(name, fields) !== undefined) &&
    (procedure.startsWith("dashboard.") ? path.includes("storeId") === "storeId" in fields : true)
  );
  if (operation === undefined) return null;
  const path = operation.path.replaceAll(
    /\{(\w+)\}/g,
    (_, name: string) => encodeURIComponent(String(valueOf(name, fields))),
  );
  for (const name of namesIn(operation.path)) Reflect.deleteProperty(fields, name);
  if (operation.method === "POST") return { operation, path, body: fields };
  const query = new URLSearchParams(
    Object.entries(fields).map(([name, value]) => [name, `${value}`]),
  );
  return { operation, path: query.size === 0 ? path : `${path}?${query}`, body: undefined };
}

function namesIn(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
}

/** The value of a path's parameter. The store of a batch is that of its orders. */
function valueOf(name: string, fields: Record<string, unknown>): unknown {
  const orders = fields["orders"] as Record<string, unknown>[] | undefined;
  return fields[name] ?? orders?.[0]?.[name];
}

/** The problem in an answer. */
export const problemIn = ({ body }: Answer): Problem => body as Problem;

/** The answer is a problem with this status and reason. */
export function assertProblem(
  answer: Answer,
  status: number,
  reason: string | undefined,
  named = "",
): void {
  assertEquals([answer.status, problemIn(answer).reason], [status, reason], named + answer.text);
  assertEquals(answer.headers.get("content-type"), "application/problem+json", named);
  const { type } = problemIn(answer);
  assertEquals(type, reason === undefined ? "about:blank" : `/api/v1/problems#${reason}`, named);
  assertEquals(problemIn(answer).status, status, named);
}
