/**
 * The orders of one `placeMany`: each gets a result of its own.
 *
 * Tested in tests/server/router/place_many_test.ts and orders_test.ts.
 */
import { type PlaceError, placeInput, type PlaceResult } from "../../client/contract/order.ts";
import { type Refusal, refuse } from "../../client/contract/refusal.ts";
import type { Intake } from "../orders/intake.ts";
import type { Spend } from "../orders/rate_limit.ts";
import type { Principal } from "./context.ts";
import { CODE_OF_REASON } from "./errors.ts";
import { invalidMessage, issuesOf } from "./input_issues.ts";
import { orderForbidden } from "./rights.ts";

/**
 * The issues of all orders of one `placeMany`, shared out evenly. A mistake takes two bytes of a
 * request and a hundred of its answer, so fifty for each of 500 orders would be megabytes.
 */
const MAX_ISSUES = 500;

/**
 * About so many lines and entries of metadata are checked in one go, which takes 1 to 2 ms. Then other
 * callers get their turn: a call may have 8,000 lines and more.
 */
const LINES_AT_ONCE = 500;

/** The call that places several orders. */
interface PlacingCall {
  readonly intake: Pick<Intake, "place">;
  readonly principal: Principal;
  readonly spend: Spend;
}

/** Places orders in their order. @returns their results in the same order */
export async function placeEach(
  call: PlacingCall,
  orders: readonly unknown[],
): Promise<PlaceResult[]> {
  const mostIssues = Math.ceil(MAX_ISSUES / orders.length);
  const results: Promise<PlaceResult>[] = [];
  let lines = 0;
  for (const order of orders) {
    if (lines > LINES_AT_ONCE) {
      lines = 0;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    lines += sizeOf(order);
    const result = placeOne(call, order, mostIssues);
    result.catch(() => undefined); // Promise.all below tells of it, perhaps a few turns later
    results.push(result);
  }
  return Promise.all(results);
}

/** The lines and entries of metadata of an order that nobody has checked yet. */
function sizeOf(order: unknown): number {
  const { lines, metadata } = (order ?? {}) as Record<string, unknown>;
  const entries = typeof metadata === "object" && metadata !== null ? Object.keys(metadata) : [];
  return (Array.isArray(lines) ? lines.length : 1) + entries.length;
}

async function placeOne(
  { intake, principal, spend }: PlacingCall,
  order: unknown,
  mostIssues: number,
): Promise<PlaceResult> {
  const parsed = placeInput.safeParse(order);
  if (!parsed.success) {
    const issues = issuesOf(parsed.error);
    const error = placeErrorOf(refuse("invalid_input", invalidMessage(issues)));
    return { ok: false, error: { ...error, issues: issues.slice(0, mostIssues) } };
  }
  const forbidden = orderForbidden(principal, parsed.data);
  if (forbidden !== null) return { ok: false, error: placeErrorOf(forbidden) };
  const answer = await intake.place(parsed.data, spend);
  return answer.ok
    ? { ok: true, ...answer.acknowledgement }
    : { ok: false, error: placeErrorOf(answer.refusal) };
}

function placeErrorOf(refusal: Refusal): PlaceError {
  return { code: CODE_OF_REASON[refusal.reason], ...refusal };
}
