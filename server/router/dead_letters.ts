/**
 * `ops.deadLetters.*`: looking at dead letters, replaying them, discarding them.
 *
 * A key for some stores sees and touches only their letters. Without `storeId` a call is about all
 * stores, and such a key is refused. A replay places an order, so it needs the order's currency too.
 *
 * Tested in tests/server/orders/dead_letters_test.ts.
 */
import { decodeLetterCursor } from "../../sql/orders/letter_list.ts";
import {
  type DeadLetter,
  discardInput,
  letterInput,
  listLettersInput,
  replayInput,
  replayManyInput,
} from "../../client/contract/dead_letter.ts";
import type { PlaceInput, PlaceOrder } from "../../client/contract/order.ts";
import { Refused } from "../../client/contract/refused.ts";
import { MAX_LETTER_BYTES } from "../../sql/orders/page.ts";
import type { Connection, Principal, Services } from "./context.ts";
import { cursorOf } from "./cursor.ts";
import { procedureFor, router } from "./procedures.ts";
import { assertAllStores, assertStore, orderForbidden } from "./rights.ts";

const listInput = listLettersInput.extend({ cursor: cursorOf(decodeLetterCursor) }).prefault({});

const ops = procedureFor("ops");

export const deadLettersRouter = router({
  list: ops.input(listInput).query(({ ctx, input }) => {
    const { state, limit, cursor = null } = input;
    const storeId = storeOf(ctx.principal, input.storeId);
    return ctx.connection.answers.makePage(
      ctx.principal.keyId,
      () => ctx.services.deadLetters.list({ storeId, state, limit, cursor }),
    );
  }),

  get: ops.input(letterInput).query(({ ctx, input }) => large(ctx, () => letterOf(ctx, input.id))),

  replay: ops.input(replayInput).mutation(({ ctx, input }) =>
    large(ctx, async () => {
      const letter = await letterOf(ctx, input.id);
      const forbidden = replayForbidden(ctx.principal, letter, input.payload);
      if (forbidden !== null) throw new Refused(forbidden);
      const by = ctx.principal.keyId;
      return await ctx.services.deadLetters.replay(letter, by, input.payload ?? null);
    })
  ),

  replayMany: ops.input(replayManyInput).mutation(async ({ ctx, input, signal }) => {
    const storeId = storeOf(ctx.principal, input.storeId);
    const { keyId: by } = ctx.principal;
    const forbids = (letter: DeadLetter) => replayForbidden(ctx.principal, letter);
    return await ctx.services.deadLetters.replayMany({ ...input, storeId, by, forbids, signal });
  }),

  discard: ops.input(discardInput).mutation(({ ctx, input }) =>
    large(ctx, async () => {
      const letter = await letterOf(ctx, input.id);
      return await ctx.services.deadLetters.discard(letter, ctx.principal.keyId, input.reason);
    })
  ),
});

interface Caller {
  readonly services: Services;
  readonly principal: Principal;
  readonly connection: Connection;
}

/** Makes an answer with one letter. A refusal for its size comes before the letter is touched. */
function large<T>({ connection, principal }: Caller, make: () => Promise<T>): Promise<T> {
  return connection.answers.make(principal.keyId, MAX_LETTER_BYTES, make);
}

/** The letter. @throws Refused not_found, or forbidden for a key of another store */
async function letterOf({ services, principal }: Caller, id: string) {
  const letter = await services.deadLetters.get(id);
  assertStore(principal, letter.storeId);
  return letter;
}

/** Null when the key may place the letter's order, or its correction; else the refusal. */
function replayForbidden(principal: Principal, letter: DeadLetter, corrected?: PlaceOrder) {
  const payload = letter.payload as PlaceInput | null; // a person may have changed it by hand
  const { currency } = corrected ?? payload ?? { currency: "" };
  return orderForbidden(principal, { storeId: letter.storeId, currency });
}

/** The store that a call is about; null: all. @throws Refused forbidden for a key of some stores */
function storeOf(principal: Principal, storeId: string | undefined): string | null {
  if (storeId !== undefined) assertStore(principal, storeId);
  else assertAllStores(principal);
  return storeId ?? null;
}
