/**
 * Results as answers of HTTP: the status that says what became of an order, the place where it can be
 * read, and the address of the next page. Addresses are relative, so they hold below a proxy's path.
 *
 * Tested in tests/server/front/rest/rest_test.ts.
 */
import type { Acknowledgement } from "../../../client/contract/order.ts";
import { JSON_TYPE } from "./accept.ts";
import type { Operation } from "./operations.ts";
import type { RestAnswer } from "./rest_answer.ts";

const OK = 200;
const CREATED = 201;
/** The order is durable, and not in the database yet. */
const ACCEPTED = 202;

/** The answer with the result of an operation. @param query that of the request */
export function answerOf(
  { answers, path }: Operation,
  data: unknown,
  query: URLSearchParams,
): RestAnswer {
  const place = path.slice(path.lastIndexOf("/") + 1);
  const isNew = answers.kind === "json" && answers.created === true;
  const next = answers.kind === "page" ? (data as NextPage).nextCursor : null;
  return {
    status: isNew ? statusOf(data as Acknowledgement) : OK,
    headers: {
      "content-type": JSON_TYPE,
      ...(isNew ? { location: `${place}/${(data as Acknowledgement).orderId}` } : {}),
      ...(next === null ? {} : { link: linkTo(place, query, next) }),
    },
    body: JSON.stringify(data),
  };
}

interface NextPage {
  readonly nextCursor: string | null;
}

function statusOf({ replayed, status }: Acknowledgement): number {
  if (replayed) return OK;
  return status === "spilled" ? ACCEPTED : CREATED;
}

function linkTo(place: string, query: URLSearchParams, cursor: string): string {
  const next = new URLSearchParams(query);
  next.set("cursor", cursor);
  return `<${place}?${next}>; rel="next"`;
}
