/**
 * `orders.*`: placing orders and reading them back.
 */
import { z } from "zod";
import type { Acknowledgement } from "../../actors/order_writer/mailbox.ts";
import { type Refusal, type RefusalReason, refuse } from "../../client/contract/refusal.ts";
import {
  type PlaceInput,
  placeInput,
  plainText,
  storeIdInput,
} from "../../sql/orders/new_order.ts";
import { decodeCursor, type OrderStatus } from "../../sql/orders/orders.ts";
import type { Principal } from "../front/auth.ts";
import { pause } from "../pause.ts";
import type { Services } from "./context.ts";
import {
  CODE_OF_REASON,
  type InputIssue,
  invalidMessage,
  issuesOf,
  RefusedError,
} from "./errors.ts";
import {
  assertStore,
  mayUseStore,
  OTHER_STORE,
  procedureFor,
  reading,
  router,
} from "./procedures.ts";

/** Why one order of many was not taken. */
export interface PlaceError {
  /** The tRPC code. */
  readonly code: string;
  readonly reason: RefusalReason;
  readonly message: string;
  readonly retryAfterMs?: number;
  readonly deadLetterId?: string;
  /** What is wrong with an `invalid_input`. */
  readonly issues?: readonly InputIssue[];
}

export type PlaceResult =
  | ({ readonly ok: true } & Acknowledgement)
  | { readonly ok: false; readonly error: PlaceError };

/** Each order is parsed by itself, so that a bad one does not fail its neighbours. */
const placeManyInput = z.strictObject({
  // First an array and then its length: zod's length checks throw at a `length` that an object has.
  orders: z.custom<PlaceInput[]>(Array.isArray, "must be an array")
    .pipe(z.array(z.custom<PlaceInput>()).min(1).max(500)),
});

const orderInput = z.strictObject({ storeId: storeIdInput, orderId: z.uuid() });

const cancelInput = z.strictObject({
  storeId: storeIdInput,
  orderId: z.uuid(),
  reason: plainText(0, 256).optional(),
});

const NOT_COMMITTED_YET = refuse(
  "not_committed_yet",
  "the order waits in the overflow buffer, or did a moment ago: cancel it when it is committed",
  1_000,
);
const DEAD_LETTERED = refuse("not_found", "the order is a dead letter: discard that");

const cursorInput = z.string().pipe(z.string().max(256)).transform((text, context) => {
  const cursor = decodeCursor(text);
  if (cursor === null) context.addIssue("is not a cursor that this procedure returned");
  return cursor;
});

const listInput = z.strictObject({
  storeId: storeIdInput,
  limit: z.int().min(1).max(200).default(50),
  cursor: cursorInput.optional(),
  status: z.enum(["spilled", "committed", "cancelled", "dead_lettered"]).optional(),
});

const FINAL: ReadonlySet<OrderStatus> = new Set(["committed", "cancelled", "dead_lettered"]);

/** How often an order that is not where it will stay is looked for. */
const LOOK_AGAIN_MS = 250;

export const ordersRouter = router({
  place: procedureFor("orders:write").input(placeInput).mutation(async ({ ctx, input }) => {
    assertStore(ctx.principal, input.storeId);
    const answer = await ctx.services.intake.place(input);
    if (!answer.ok) throw new RefusedError(answer.refusal);
    return answer.acknowledgement;
  }),

  placeMany: procedureFor("orders:write").input(placeManyInput).mutation(
    async ({ ctx, input }): Promise<{ results: PlaceResult[] }> => ({
      results: await Promise.all(
        input.orders.map((order) => placeOne(ctx.services, ctx.principal, order)),
      ),
    }),
  ),

  cancel: procedureFor("orders:write").input(cancelInput).mutation(async ({ ctx, input }) => {
    const { storeId, orderId, reason = null } = input;
    assertStore(ctx.principal, storeId);
    const cancelling = reading(ctx.services.orders.cancel({ storeId, orderId, reason }));
    const cancelled = await cancelling.catch(async (error) => {
      // While the database is away, an order that waits in the buffer can still be told from others.
      const { status } = await readOrder(ctx.services, input).catch(() => ({ status: null }));
      throw status === "spilled" ? new RefusedError(NOT_COMMITTED_YET) : error;
    });
    if (cancelled !== null) return { orderId, ...cancelled };
    const { status } = await readOrder(ctx.services, input);
    // Anything else has come out of the buffer since the call was made, and can be cancelled now.
    throw new RefusedError(status === "dead_lettered" ? DEAD_LETTERED : NOT_COMMITTED_YET);
  }),

  get: procedureFor("orders:read").input(orderInput).query(async ({ ctx, input }) => {
    assertStore(ctx.principal, input.storeId);
    return await readOrder(ctx.services, input);
  }),

  list: procedureFor("orders:read").input(listInput).query(async ({ ctx, input }) => {
    assertStore(ctx.principal, input.storeId);
    const { storeId, limit, cursor = null, status = null } = input;
    return await reading(ctx.services.orders.list({ storeId, limit, cursor, status }));
  }),

  onStatus: procedureFor("orders:read").input(orderInput).subscription(
    async function* ({ ctx, input, signal }): AsyncGenerator<OrderStatus> {
      assertStore(ctx.principal, input.storeId);
      let shown: OrderStatus | null = null;
      while (signal?.aborted !== true) {
        await ctx.assertStillAllowed();
        const { status } = await readOrder(ctx.services, input);
        if (status !== shown) yield status;
        if (FINAL.has(status)) return;
        shown = status;
        await pause(LOOK_AGAIN_MS, signal);
      }
    },
  ),
});

async function placeOne(
  services: Services,
  principal: Principal,
  input: unknown,
): Promise<PlaceResult> {
  const parsed = placeInput.safeParse(input);
  if (!parsed.success) {
    const issues = issuesOf(parsed.error);
    const error = placeErrorOf(refuse("invalid_input", invalidMessage(issues)));
    return { ok: false, error: { ...error, issues } };
  }
  if (!mayUseStore(principal, parsed.data.storeId)) {
    return { ok: false, error: placeErrorOf(OTHER_STORE) };
  }
  const answer = await services.intake.place(parsed.data);
  return answer.ok
    ? { ok: true, ...answer.acknowledgement }
    : { ok: false, error: placeErrorOf(answer.refusal) };
}

function placeErrorOf(refusal: Refusal): PlaceError {
  return { code: CODE_OF_REASON[refusal.reason], ...refusal };
}

async function readOrder(
  services: Services,
  { storeId, orderId }: z.output<typeof orderInput>,
) {
  const order = await reading(services.orders.read(storeId, orderId));
  if (order === null) {
    throw new RefusedError(refuse("not_found", "this store has no order with this id"));
  }
  return order;
}
