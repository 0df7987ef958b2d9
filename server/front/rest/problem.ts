/**
 * Problems (RFC 9457): every error of REST has this one form, with the reason of the contract and its
 * details. A reason's type is the path of the page that explains it. Where the status says all, the
 * type is `about:blank` and there is no reason: so an unknown path is not taken for an unknown order.
 *
 * Tested in tests/server/front/rest/rest_test.ts.
 */
import { STATUS_CODES } from "node:http";
import { getTRPCErrorFromUnknown } from "@trpc/server";
import { getHTTPStatusCodeFromError } from "@trpc/server/http";
import type { ErrorDetails } from "../../../client/contract/error_details.ts";
import type { Refusal } from "../../../client/contract/refusal.ts";
import { Refused } from "../../../client/contract/refused.ts";
import { detailsOf, refusedCall } from "../../router/errors.ts";
import { PROBLEMS_PATH } from "./paths.ts";
import { PROBLEM_WORDS } from "./problem_words.ts";
import type { Problem } from "./shapes/refusals.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** An answer that carries a problem. Its body is JSON. */
interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The problem of a call that failed. A bug is logged, and the problem has its request id alone. */
export function problemOf(cause: unknown): Problem {
  const error = cause instanceof Refused ? refusedCall(cause) : getTRPCErrorFromUnknown(cause);
  const { message, details } = detailsOf(error);
  return problemWith(getHTTPStatusCodeFromError(error), message, details);
}

/** The problem of a refusal that no call has made. */
export function problemOfRefusal(refusal: Refusal): Problem {
  return problemOf(new Refused(refusal));
}

/** The problem of a request that never became a call. */
export function problemOfStatus(status: number, detail: string): Problem {
  return problemWith(status, detail, {});
}

/** The answer that carries a problem. */
export function answerWith(
  problem: Problem,
  headers: Readonly<Record<string, string>> = {},
): ProblemAnswer {
  const { status, retryAfterMs } = problem;
  return {
    status,
    headers: {
      "content-type": PROBLEM_TYPE,
      ...(retryAfterMs === undefined
        ? {}
        : { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) }),
      ...(status === UNAUTHORIZED ? { "www-authenticate": "Bearer" } : {}),
      ...headers,
    },
    body: JSON.stringify(problem),
  };
}

const UNAUTHORIZED = 401;

function problemWith(status: number, detail: string, details: ErrorDetails): Problem {
  const { reason } = details;
  const { issues, ...others } = details;
  return {
    type: reason === undefined ? "about:blank" : `${PROBLEMS_PATH}#${reason}`,
    title: reason === undefined ? STATUS_CODES[status] ?? "Error" : PROBLEM_WORDS[reason].title,
    status,
    detail,
    ...others,
    ...(issues === undefined ? {} : { issues: [...issues] }),
  };
}
