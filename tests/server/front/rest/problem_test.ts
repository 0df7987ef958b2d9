/** Problems: the form of every error of REST. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { refuse } from "../../../../client/contract/refusal.ts";
import { Refused } from "../../../../client/contract/refused.ts";
import {
  answerWith,
  problemOf,
  problemOfRefusal,
  problemOfStatus,
} from "../../../../server/front/rest/problem.ts";

Deno.test("the problem of a bug has an id for the log, and nothing of the bug", () => {
  const { requestId, detail, ...problem } = problemOf(new Error("the secret of the database"));
  assertEquals(problem, {
    type: "/api/v1/problems#internal",
    title: "A bug in the service",
    status: 500,
    reason: "internal",
  });
  assertMatch(requestId ?? "", /^[0-9a-f-]{36}$/);
  assertEquals(detail, `internal error, request ${requestId}`);
});

Deno.test("the problem of a refusal has its reason, its status and all its details", () => {
  const issues = [{ path: "lines", message: "missing" }];
  const rule = {
    code: "23514",
    table: "orders",
    column: null,
    constraint: "c",
    function: null,
    message: "m",
  };
  const refusal = { ...refuse("rejected", "in words", 1_200), issues, rule, deadLetterId: "1" };
  const expected = {
    type: "/api/v1/problems#rejected",
    title: "The database refuses this content",
    status: 422,
    detail: "in words",
    reason: "rejected" as const,
    retryAfterMs: 1_200,
    issues,
    rule,
    deadLetterId: "1",
  };
  assertEquals(problemOfRefusal(refusal), expected);
  assertEquals(problemOf(new Refused(refusal)), expected);
});

Deno.test("a wait is told in the head too, in whole seconds and never too short", () => {
  const headersOf = (retryAfterMs?: number) =>
    answerWith(problemOfRefusal(refuse("queue_full", "full", retryAfterMs))).headers;
  assertEquals(headersOf(1)["retry-after"], "1");
  assertEquals(headersOf(1_000)["retry-after"], "1");
  assertEquals(headersOf(1_001)["retry-after"], "2");
  assertEquals(headersOf()["retry-after"], undefined);
});

Deno.test("a problem without a reason is told by its status alone, and 401 names the scheme", () => {
  const { headers, body } = answerWith(problemOfStatus(404, "nothing"), { allow: "GET" });
  assertEquals(headers, { "content-type": "application/problem+json", allow: "GET" });
  assertEquals(JSON.parse(body), {
    type: "about:blank",
    title: "Not Found",
    status: 404,
    detail: "nothing",
  });
  const refused = answerWith(problemOfRefusal(refuse("unauthenticated", "no key")));
  assert(refused.status === 401 && refused.headers["www-authenticate"] === "Bearer");
});
