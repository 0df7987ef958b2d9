/**
 * `ops.deadLetters.*`: looking at dead letters, replaying them, discarding them.
 *
 * A key for one store sees and touches only that store's letters. Without `storeId` a call is about
 * all stores, and such a key is refused.
 *
 * Tested in tests/server/orders/dead_letters_test.ts.
 */
import { decodeLetterCursor } from "../../sql/orders/letter_list.ts";
import {
  discardInput,
  letterInput,
  listLettersInput,
  replayInput,
  replayManyInput,
} from "../../client/contract/dead_letter.ts";
import { Refused } from "../../client/contract/refused.ts";
import { MAX_LETTER_BYTES, MAX_PAGE_BYTES } from "../../sql/orders/page.ts";
import type { Answers, Principal, Services } from "./context.ts";
import { cursorOf } from "./cursor.ts";
import { assertStore, OTHER_STORE, procedureFor, router } from "./procedures.ts";

const listInput = listLettersInput.extend({ cursor: cursorOf(decodeLetterCursor) }).prefault({});

const ops = procedureFor("ops");

export const deadLettersRouter = router({
  list: ops.input(listInput).query(({ ctx, input }) => {
    const { state, limit, cursor = null } = input;
    const storeId = storeOf(ctx.principal, input.storeId);
    return ctx.answers.make(
      ctx.principal.keyId,
      MAX_PAGE_BYTES,
      () => ctx.services.deadLetters.list({ storeId, state, limit, cursor }),
    );
  }),

  get: ops.input(letterInput).query(({ ctx, input }) => large(ctx, () => letterOf(ctx, input.id))),

  replay: ops.input(replayInput).mutation(({ ctx, input }) =>
    large(ctx, async () => {
      const letter = await letterOf(ctx, input.id);
      const by = ctx.principal.keyId;
      return await ctx.services.deadLetters.replay(letter, by, input.payload ?? null);
    })
  ),

  replayMany: ops.input(replayManyInput).mutation(async ({ ctx, input, signal }) => {
    const storeId = storeOf(ctx.principal, input.storeId);
    const by = ctx.principal.keyId;
    return await ctx.services.deadLetters.replayMany({ ...input, storeId, by, signal });
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
  readonly answers: Answers;
}

/** Makes an answer with one letter. A refusal for its size comes before the letter is touched. */
function large<T>({ answers, principal }: Caller, make: () => Promise<T>): Promise<T> {
  return answers.make(principal.keyId, MAX_LETTER_BYTES, make);
}

/** The letter. @throws Refused not_found, or forbidden for a key of another store */
async function letterOf({ services, principal }: Caller, id: string) {
  const letter = await services.deadLetters.get(id);
  assertStore(principal, letter.storeId);
  return letter;
}

/** The store that a call is about; null: all. @throws Refused forbidden for a key of one store */
function storeOf(principal: Principal, storeId: string | undefined): string | null {
  if (storeId !== undefined) assertStore(principal, storeId);
  else if (principal.storeId !== null) throw new Refused(OTHER_STORE);
  return storeId ?? null;
}
