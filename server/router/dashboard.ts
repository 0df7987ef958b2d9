/**
 * `dashboard.*`: the figures of one store or of all, once or live.
 *
 * Tested in tests/server/live/live_test.ts.
 */
import { tracked } from "@trpc/server";
import { z } from "zod";
import { liveInput, snapshotInput } from "../../client/contract/snapshot.ts";
import { refuse } from "../../client/contract/refusal.ts";
import { ALL_STORES } from "../../sql/figures/journal.ts";
import { Refused } from "../../client/contract/refused.ts";
import { NoSnapshot } from "../live/live_hub.ts";
import { MAX_FRAME_BYTES, parseEventId } from "../live/snapshot.ts";
import { FrameRate } from "../live/updates/frame_rate.ts";
import type { Principal } from "./context.ts";
import { assertAllStores, assertStore, procedureFor, queryFor, router } from "./procedures.ts";

const eventIdInput = z.string().transform((id, context) => {
  const position = parseEventId(id);
  if (position === null) context.addIssue("must be <epoch>:<version>");
  return position;
});

const resumedInput = liveInput.extend({ lastEventId: eventIdInput.nullish() }).default({});

export const dashboardRouter = router({
  snapshot: queryFor("dashboard:read", snapshotInput, async ({ ctx, input }) => {
    const scope = scopeOf(ctx.principal, input.storeId);
    try {
      const { keyId } = ctx.principal;
      return await ctx.connection.answers.make(
        keyId,
        MAX_FRAME_BYTES,
        () => ctx.services.hub.snapshot(scope),
      );
    } catch (error) {
      if (!(error instanceof NoSnapshot)) throw error;
      throw new Refused(refuse("unavailable", error.message, 1_000));
    }
  }),

  live: procedureFor("dashboard:read").input(resumedInput).subscription(
    async function* ({ ctx, input, signal }) {
      const scope = scopeOf(ctx.principal, input.storeId);
      const floor = input.lastEventId ?? null;
      const { maxFramesPerSecond } = input;
      using slot = ctx.connection.slots.open();
      using rate = maxFramesPerSecond === undefined ? null : new FrameRate(maxFramesPerSecond);
      const turn = () => slot.turn();
      const frames = ctx.services.hub.watch(scope, floor, signal, {
        readyToSend: rate === null ? turn : () => rate.whenDue(turn),
        isSparse: rate !== null,
      });
      const send = await ctx.connection.senderOf?.(() => ctx.getRawInput()) ?? null;
      for await (const { id, snapshot } of frames) {
        await ctx.assertStillAllowed();
        if (send === null) yield tracked(id, snapshot);
        else send.frame(id, snapshot);
        slot.sent();
        rate?.sent();
      }
    },
  ),
});

/** The scope of a call. @throws Refused forbidden when the key is not for it */
function scopeOf(principal: Principal, storeId: string | undefined): string {
  if (storeId !== undefined) {
    assertStore(principal, storeId);
    return storeId;
  }
  assertAllStores(principal);
  return ALL_STORES;
}
