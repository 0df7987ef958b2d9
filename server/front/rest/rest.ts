/**
 * REST: the procedures of the router under paths, methods and status codes of HTTP. A request goes the
 * way of every call: its key comes first, its body is paid for, its answer has a place in the budget,
 * and the procedure that places its order is the one of tRPC. What REST adds is form.
 *
 * Tested in tests/server/front/rest/rest_test.ts.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Context } from "../../router/context.ts";
import { resultOf } from "../calls/answer_calls.ts";
import { bodyOf, callerOf } from "../calls/caller.ts";
import { PROCEDURES } from "../calls/plain_call.ts";
import type { Body } from "../connections/body.ts";
import { withHeaders } from "../door.ts";
import type { Exchange } from "../exchange.ts";
import type { Front } from "../front.ts";
import { NO_ROOM_REFUSAL, TOO_LARGE_REFUSAL } from "../refused_requests.ts";
import { EVENTS_TYPE, isJson, JSON_TYPE, takes } from "./accept.ts";
import { descriptionBytesAt } from "./description/document.ts";
import { streamOf } from "./events.ts";
import { inputOf, type InputParts, isNothing } from "./inputs.ts";
import type { Operation } from "./operations.ts";
import { isDescription } from "./paths.ts";
import { answerWith, problemOf, problemOfRefusal, problemOfStatus } from "./problem.ts";
import { type RestAnswer, sendWhole } from "./rest_answer.ts";
import { answerOf } from "./results.ts";
import { type Route, routeOf } from "./routes.ts";

type Headers = Readonly<Record<string, string>>;

/** The address that a request asks for. */
interface Target {
  readonly path: string;
  /** Made where the request has a query. */
  readonly url: () => URL;
}

const decoder = new TextDecoder();

/**
 * Answers a request of REST.
 * @param doorHeaders stand in every answer.
 * @returns null when the answer has been sent
 */
export async function answerRest(
  exchange: Exchange,
  target: Target,
  doorHeaders: Headers,
  front: Front,
): Promise<Response | null> {
  const answer = await answerTo(exchange, target, front).catch((error) =>
    answerWith(problemOf(error))
  );
  if (answer instanceof Response) return withHeaders(answer, doorHeaders);
  await sendWhole(answer, exchange, doorHeaders, front);
  return null;
}

async function answerTo(
  exchange: Exchange,
  target: Target,
  front: Front,
): Promise<RestAnswer | Response> {
  const { method = "GET" } = exchange.incoming;
  if (isDescription(target.path)) {
    if (method !== "GET" && method !== "HEAD") return notAllowed("GET, HEAD");
    return {
      status: 200,
      headers: { "content-type": JSON_TYPE },
      body: descriptionBytesAt(target.path),
    };
  }
  const { token, identified, principal } = await callerOf(exchange, front);
  const share = front.unread.open(principal?.keyId ?? "");
  try {
    if (principal === null) {
      if (method !== "GET" && method !== "HEAD") await bodyOf(exchange, null, share, front);
      await identified; // it says why, by rejecting
    }
    const route = routeOf(target.path);
    const operation = route === null ? null : operationOf(route, method);
    const wrong = refusalOf(exchange, route, operation);
    if (wrong !== null || route === null || operation === null) return wrong!;
    const body = method === "POST" ? await bodyOf(exchange, principal, share, front) : NO_BODY;
    if (!(body instanceof Uint8Array)) return unread(body, exchange);
    const context = { services: front.services, token, identified, connection: exchange };
    return await call(operation, partsOf(exchange, target, route, body), { context, front });
  } finally {
    share.giveBack();
  }
}

const NO_BODY = new Uint8Array();

/** Makes the call. @throws (the promise) its refusal */
async function call(
  operation: Operation,
  parts: InputParts,
  { context, front }: { readonly context: Context & { connection: Exchange }; front: Front },
): Promise<RestAnswer | Response> {
  const getRawInput = () => inputOf(operation, parts);
  if (isNothing(operation)) getRawInput(); // its procedure may not ask
  if (operation.answers.kind === "events") {
    return await streamOf(operation, context.connection, front, { context, getRawInput });
  }
  const data = await resultOf(
    { path: operation.procedure, procedure: PROCEDURES.get(operation.procedure)! },
    {
      type: operation.method === "GET" ? "query" : "mutation",
      getRawInput,
      ctx: context,
      index: 0,
    },
  );
  return answerOf(operation, data, parts.query);
}

function partsOf(
  { incoming: { url = "", rawHeaders, headers } }: Exchange,
  target: Target,
  { values }: Route,
  body: Uint8Array,
): InputParts {
  return {
    values,
    query: url.includes("?") ? target.url().searchParams : new URLSearchParams(),
    body: decoder.decode(body),
    rawHeaders,
    lastEventId: [headers["last-event-id"]].flat()[0],
  };
}

/** The operation of a method; null: the path has none. A HEAD of a stream would have no end. */
function operationOf({ operations }: Route, method: string): Operation | null {
  if (method !== "HEAD") return operations.get(method) ?? null;
  const operation = operations.get("GET");
  return operation === undefined || operation.answers.kind === "events" ? null : operation;
}

/** The answer to a request whose form is wrong; null: it is right. */
function refusalOf(
  { incoming: { headers } }: Exchange,
  route: Route | null,
  operation: Operation | null,
): RestAnswer | null {
  if (route === null) {
    const words = "nothing stands at this path: /api/v1/openapi.json lists all there is";
    return answerWith(problemOfStatus(404, words));
  }
  if (operation === null) return notAllowed(methodsOf(route));
  const type = operation.answers.kind === "events" ? EVENTS_TYPE : JSON_TYPE;
  if (!takes(headers.accept, type)) {
    return answerWith(problemOfStatus(406, `the answer is ${type}, which Accept leaves out`));
  }
  if (
    operation.method === "POST" && hasBody(headers) &&
    !isJson(headers["content-type"], headers["content-encoding"])
  ) {
    const words = `the body must be ${JSON_TYPE}, and in no coding`;
    return answerWith(problemOfStatus(415, words), { "accept-post": JSON_TYPE });
  }
  return null;
}

function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

function methodsOf({ operations }: Route): string {
  const methods = [...operations.keys()];
  const get = operations.get("GET");
  const hasHead = get !== undefined && get.answers.kind !== "events";
  return [...methods, ...(hasHead ? ["HEAD"] : [])].sort().join(", ");
}

function notAllowed(allow: string): RestAnswer {
  return answerWith(problemOfStatus(405, `this path takes ${allow}`), { allow });
}

/** The answer to a body that was not read to its end. */
function unread(body: Exclude<Body, Uint8Array>, { outgoing }: Exchange): RestAnswer {
  outgoing.shouldKeepAlive = false; // the rest of the body may be on its way
  switch (body) {
    case "too_large":
      return answerWith(problemOfRefusal(TOO_LARGE_REFUSAL));
    case "no_room":
      return answerWith(problemOfRefusal(NO_ROOM_REFUSAL));
    case "too_slow":
      return answerWith(problemOfStatus(408, "the request did not come to its end"));
  }
}
