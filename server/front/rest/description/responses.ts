/**
 * The responses of the description: each status that an operation can answer with.
 *
 * Tested in tests/server/front/rest/fuzz_test.ts, which takes no other status than these.
 */
import { EVENTS_TYPE, JSON_TYPE } from "../accept.ts";
import type { Operation } from "../operations.ts";
import { PROBLEM_TYPE } from "../problem.ts";
import { refTo, type Schema } from "./schemas.ts";

/** The words of each status of a problem. */
const PROBLEMS: Readonly<Record<number, string>> = {
  400: "`invalid_input`: `issues` says where and why.",
  401: "`unauthenticated`: no key, a wrong one, or a revoked one.",
  403: "`forbidden`: the scope, store or currency of the key, or a foreign page or name.",
  404: "`not_found`: no such order or letter.",
  406: "`Accept` leaves out the type of the answer.",
  408: "The body did not arrive in time; `deadline_exceeded`: nothing is stored; or " +
    "`outcome_unknown`: send the same key again.",
  409: "`not_committed_yet`: try again; or `letter_closed`.",
  413: "`payload_too_large`: the body is over 1 MiB.",
  415: "The body is no `application/json`, or in a coding.",
  422: "`idempotency_mismatch`: the key was used with other content; or `rejected`: the database " +
    "refuses the content, and the order waits as a dead letter.",
  429: "`rate_limited` or `queue_full`: nothing is stored, try again after `retryAfterMs`.",
  500: "`internal`: a bug; look for `requestId` in the log.",
  503: "`circuit_open`, `unavailable` or `draining`: try again after `retryAfterMs`.",
};

/** Waiting can help after these. */
const MAY_WAIT = [408, 409, 429, 503];
const OF_ALL = [400, 401, 403, 406, 429, 500, 503];
const OF_A_BODY = [408, 413, 415];

/** The responses to problems that operations refer to. */
export function problemResponses(): Record<string, Schema> {
  return Object.fromEntries(
    Object.entries(PROBLEMS).map(([status, description]) => [
      `Problem${status}`,
      {
        description,
        ...(MAY_WAIT.includes(Number(status)) ? { headers: { "Retry-After": RETRY_AFTER } } : {}),
        content: { [PROBLEM_TYPE]: { schema: refTo("Problem") } },
      },
    ]),
  );
}

/** The responses of an operation by their status. */
export function responsesOf(operation: Operation): Record<string, Schema> {
  const { method, refusals } = operation;
  const statuses = [...OF_ALL, ...(method === "POST" ? OF_A_BODY : []), ...refusals];
  const problems = statuses.toSorted((a, b) => a - b).map((status) => [
    String(status),
    { $ref: `#/components/responses/Problem${status}` },
  ]);
  return { ...successes(operation), ...Object.fromEntries(problems) };
}

const RETRY_AFTER = {
  description: "Whole seconds to wait, where waiting helps.",
  schema: { type: "integer", minimum: 1 },
};
const LOCATION = {
  description: "The order's own path, relative to the request's.",
  required: true,
  schema: { type: "string" },
};
const LINK = {
  description: 'The next page, relative to the request\'s path: `<orders?cursor=…>; rel="next"`. ' +
    "Missing on the last page.",
  schema: { type: "string" },
};

function successes({ answers }: Operation): Record<string, Schema> {
  const schema = refTo(answers.shape);
  if (answers.kind === "events") return { 200: eventsOf(answers.shape, answers.resumes) };
  const content = { [JSON_TYPE]: { schema } };
  if (answers.kind === "page") {
    return { 200: { description: "A page.", headers: { Link: LINK }, content } };
  }
  if (answers.created !== true) return { 200: { description: "Done.", content } };
  const headers = { Location: LOCATION };
  return {
    200: { description: "The first answer again: the key was used before.", headers, content },
    201: { description: "PostgreSQL has the order on disk.", headers, content },
    202: { description: "The overflow has the order on disk.", headers, content },
  };
}

function eventsOf(shape: string, resumes: boolean): Schema {
  return {
    description:
      `Events; the data of each is one \`${shape}\` as JSON. A line that begins with a ` +
      "colon comes every 15 s. The event `problem` has a problem as its data and ends the stream. " +
      "The event `end` says that nothing more will come. A stream that ends without either has " +
      "been cut: ask again.",
    content: {
      [EVENTS_TYPE]: {
        schema: { type: "string", contentMediaType: EVENTS_TYPE },
        "x-event-data": refTo(shape),
        ...(resumes ? { example: "data: { … }\nid: 1790000000000:7\n\n" } : {}),
      },
    },
  };
}
