/**
 * `orders.*`: placing orders, cancelling them and reading them back.
 */
import {
  cancelInput,
  listOrdersInput,
  orderInput,
  type OrderStatus,
  placeInput,
  placeManyInput,
  type PlaceResult,
} from "../../client/contract/order.ts";
import { Refused } from "../../client/contract/refused.ts";
import { decodeOrderCursor } from "../../sql/orders/orders.ts";
import { MAX_ORDER_BYTES } from "../../sql/orders/page.ts";
import { pause } from "../../sql/waiting.ts";
import { cursorOf } from "./cursor.ts";
import { placeEach } from "./place_many.ts";
import { mutationFor, procedureFor, queryFor, router } from "./procedures.ts";
import { assertStore, orderForbidden } from "./rights.ts";

const listInput = listOrdersInput.extend({ cursor: cursorOf(decodeOrderCursor) });

const FINAL: ReadonlySet<OrderStatus> = new Set(["committed", "cancelled", "dead_lettered"]);

/** An order that may still change its status is read again after this. */
const LOOK_AGAIN_MS = 250;

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
      const call = { intake: ctx.services.intake, principal: ctx.principal, spend };
      return { results: await placeEach(call, input.orders) };
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
    async function* ({ ctx, input }): AsyncGenerator<OrderStatus> {
      assertStore(ctx.principal, input.storeId);
      const { ending } = ctx;
      let shown: OrderStatus | null = null;
      while (ending?.aborted !== true) {
        await ctx.assertStillAllowed((caller) => assertStore(caller, input.storeId));
        const { status } = await ctx.services.orders.find(input.storeId, input.orderId);
        if (status !== shown) yield status;
        if (FINAL.has(status)) return;
        shown = status;
        await pause(LOOK_AGAIN_MS, ending);
      }
    },
  ),
});
