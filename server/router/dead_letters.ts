/**
 * `ops.deadLetters.*`: looking at dead letters, replaying them, discarding them.
 *
 * A key that is for one store sees and touches that store's letters alone; without a store it names
 * all of them together, and is refused.
 */
import { z } from "zod";
import { decodeLetterCursor, LETTER_STATES } from "../../sql/orders/dead_letters.ts";
import { placeInput, plainText, storeIdInput } from "../../sql/orders/new_order.ts";
import type { Principal } from "../front/auth.ts";
import type { Services } from "./context.ts";
import { RefusedError } from "./errors.ts";
import { assertStore, OTHER_STORE, procedureFor, router } from "./procedures.ts";

const cursorInput = z.string().pipe(z.string().max(256)).transform((text, context) => {
  const cursor = decodeLetterCursor(text);
  if (cursor === null) context.addIssue("is not a cursor that this procedure returned");
  return cursor;
});

const listInput = z.strictObject({
  storeId: storeIdInput.optional(),
  state: z.enum(LETTER_STATES).default("open"),
  limit: z.int().min(1).max(200).default(50),
  cursor: cursorInput.optional(),
}).prefault({});

const letterInput = z.strictObject({ id: z.uuid() });
const replayInput = letterInput.extend({ payload: placeInput.optional() });
const discardInput = letterInput.extend({ reason: plainText(1, 256) });

const replayManyInput = z.strictObject({
  storeId: storeIdInput.optional(),
  limit: z.int().min(1).max(500),
  dryRun: z.boolean().default(false),
});

const ops = procedureFor("ops");

export const deadLettersRouter = router({
  list: ops.input(listInput).query(({ ctx, input }) => {
    const { state, limit, cursor = null } = input;
    const storeId = storeOf(ctx.principal, input.storeId);
    return ctx.services.deadLetters.list({ storeId, state, limit, cursor });
  }),

  get: ops.input(letterInput).query(({ ctx, input }) => letterOf(ctx, input.id)),

  replay: ops.input(replayInput).mutation(async ({ ctx, input }) => {
    const letter = await letterOf(ctx, input.id);
    const by = ctx.principal.keyId;
    return await ctx.services.deadLetters.replay(letter, by, input.payload ?? null);
  }),

  replayMany: ops.input(replayManyInput).mutation(async ({ ctx, input, signal }) => {
    const storeId = storeOf(ctx.principal, input.storeId);
    const by = ctx.principal.keyId;
    return await ctx.services.deadLetters.replayMany({ ...input, storeId, by, signal });
  }),

  discard: ops.input(discardInput).mutation(async ({ ctx, input }) => {
    const letter = await letterOf(ctx, input.id);
    return await ctx.services.deadLetters.discard(letter, ctx.principal.keyId, input.reason);
  }),
});

interface Caller {
  readonly services: Services;
  readonly principal: Principal;
}

/** The letter, if the key is for its store. @throws RefusedError */
async function letterOf({ services, principal }: Caller, id: string) {
  const letter = await services.deadLetters.get(id);
  assertStore(principal, letter.storeId);
  return letter;
}

/** The store that a call is about; null: all of them. @throws RefusedError */
function storeOf(principal: Principal, storeId: string | undefined): string | null {
  if (storeId !== undefined) assertStore(principal, storeId);
  else if (principal.storeId !== null) throw new RefusedError(OTHER_STORE);
  return storeId ?? null;
}
