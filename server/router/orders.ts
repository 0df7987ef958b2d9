/**
 * `orders.*`: placing orders, cancelling them and reading them back.
 */
import {
  cancelInput,
  listOrdersInput,
  orderInput,
  type OrderStatus,
  type PlaceError,
  placeInput,
  placeManyInput,
  type PlaceResult,
} from "../../client/contract/order.ts";
import { Refused } from "../../client/contract/refused.ts";
import { type Refusal, refuse } from "../../client/contract/refusal.ts";
import { decodeOrderCursor } from "../../sql/orders/orders.ts";
import { MAX_ORDER_BYTES } from "../../sql/orders/page.ts";
import { pause } from "../../sql/waiting.ts";
import type { Spend } from "../orders/rate_limit.ts";
import type { Principal, Services } from "./context.ts";
import { cursorOf } from "./cursor.ts";
import { CODE_OF_REASON } from "./errors.ts";
import { invalidMessage, issuesOf } from "./input_issues.ts";
import {
  assertStore,
  mutationFor,
  orderForbidden,
  procedureFor,
  queryFor,
  router,
} from "./procedures.ts";

const listInput = listOrdersInput.extend({ cursor: cursorOf(decodeOrderCursor) });

const FINAL: ReadonlySet<OrderStatus> = new Set(["committed", "cancelled", "dead_lettered"]);

/** An order that may still change its status is read again after this. */
const LOOK_AGAIN_MS = 250;

/**
 * The issues of all orders of one `placeMany`, shared out evenly. A mistake takes two bytes of a
 * request and a hundred of its answer, so fifty for each of 500 orders would be megabytes.
 */
const MAX_ISSUES_OF_MANY = 500;

export const ordersRouter = router({
  place: mutationFor("orders:write", placeInput, async ({ ctx, input }) => {
    const forbidden = orderForbidden(ctx.principal, input);
    if (forbidden !== null) throw new Refused(forbidden);
    const spend = ctx.services.rateLimit.begin(ctx.principal.keyId);
    const answer = await ctx.services.intake.place(input, spend);
    if (!answer.ok) throw new Refused(answer.refusal);
    return answer.acknowledgement;
  }),

  placeMany: mutationFor(
    "orders:write",
    placeManyInput,
    async ({ ctx, input }): Promise<{ results: PlaceResult[] }> => {
      const spend = ctx.services.rateLimit.begin(ctx.principal.keyId);
      const mostIssues = Math.ceil(MAX_ISSUES_OF_MANY / input.orders.length);
      const call = { services: ctx.services, principal: ctx.principal, spend, mostIssues };
      return { results: await Promise.all(input.orders.map((order) => placeOne(call, order))) };
    },
  ),

  cancel: mutationFor("orders:write", cancelInput, async ({ ctx, input }) => {
    const { storeId, orderId, reason = null } = input;
    assertStore(ctx.principal, storeId);
    const overRate = ctx.services.rateLimit.begin(ctx.principal.keyId)(1);
    if (overRate !== null) throw new Refused(overRate);
    return { orderId, ...await ctx.services.orders.cancel({ storeId, orderId, reason }) };
  }),

  get: queryFor("orders:read", orderInput, async ({ ctx, input }) => {
    const { storeId, orderId } = input;
    assertStore(ctx.principal, storeId);
    const { keyId } = ctx.principal;
    return await ctx.connection.answers.make(
      keyId,
      MAX_ORDER_BYTES,
      () => ctx.services.orders.find(storeId, orderId),
    );
  }),

  list: queryFor("orders:read", listInput, async ({ ctx, input }) => {
    assertStore(ctx.principal, input.storeId);
    const { storeId, limit, cursor = null, status = null } = input;
    const { keyId } = ctx.principal;
    return await ctx.connection.answers.makePage(
      keyId,
      () => ctx.services.orders.list({ storeId, limit, cursor, status }),
    );
  }),

  onStatus: procedureFor("orders:read").input(orderInput).subscription(
    async function* ({ ctx, input, signal }): AsyncGenerator<OrderStatus> {
      assertStore(ctx.principal, input.storeId);
      let shown: OrderStatus | null = null;
      while (signal?.aborted !== true) {
        await ctx.assertStillAllowed();
        const { status } = await ctx.services.orders.find(input.storeId, input.orderId);
        if (status !== shown) yield status;
        if (FINAL.has(status)) return;
        shown = status;
        await pause(LOOK_AGAIN_MS, signal);
      }
    },
  ),
});

/** The call that places several orders. */
interface PlacingCall {
  readonly services: Services;
  readonly principal: Principal;
  readonly spend: Spend;
  /** The most issues that are told of each order. */
  readonly mostIssues: number;
}

async function placeOne(
  { services, principal, spend, mostIssues }: PlacingCall,
  input: unknown,
): Promise<PlaceResult> {
  const parsed = placeInput.safeParse(input);
  if (!parsed.success) {
    const issues = issuesOf(parsed.error);
    const error = placeErrorOf(refuse("invalid_input", invalidMessage(issues)));
    return { ok: false, error: { ...error, issues: issues.slice(0, mostIssues) } };
  }
  const forbidden = orderForbidden(principal, parsed.data);
  if (forbidden !== null) return { ok: false, error: placeErrorOf(forbidden) };
  const answer = await services.intake.place(parsed.data, spend);
  return answer.ok
    ? { ok: true, ...answer.acknowledgement }
    : { ok: false, error: placeErrorOf(answer.refusal) };
}

function placeErrorOf(refusal: Refusal): PlaceError {
  return { code: CODE_OF_REASON[refusal.reason], ...refusal };
}
