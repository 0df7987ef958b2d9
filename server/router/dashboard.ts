/**
 * `dashboard.*`: the figures of one store or of all, once or live, in full or as patches.
 *
 * Tested in tests/server/live/live_test.ts.
 */
import { tracked, type TrackedEnvelope } from "@trpc/server";
import { type output as ZodOutput, z } from "zod";
import type { LiveUpdate } from "../../client/contract/live_update.ts";
import { liveInput, type Snapshot, snapshotInput } from "../../client/contract/snapshot.ts";
import { refuse } from "../../client/contract/refusal.ts";
import { ALL_STORES } from "../../sql/figures/journal.ts";
import { Refused } from "../../client/contract/refused.ts";
import { NoSnapshot } from "../live/live_hub.ts";
import { MAX_FRAME_BYTES, parseEventId } from "../live/snapshot.ts";
import { FrameRate } from "../live/updates/frame_rate.ts";
import { LiveUpdates } from "../live/updates/live_updates.ts";
import type { Context, Principal, ValueSender } from "./context.ts";
import { procedureFor, queryFor, router, type StreamContext } from "./procedures.ts";
import { assertAllStores, assertStore } from "./rights.ts";

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

  live: procedureFor("dashboard:read").input(resumedInput).subscription((call) =>
    liveValues<Snapshot>(call, (snapshot) => snapshot, (send, id, data) => send.frame(id, data))
  ),

  livePatches: procedureFor("dashboard:read").input(resumedInput).subscription(
    async function* (call) {
      using updates = new LiveUpdates();
      yield* liveValues<LiveUpdate>(
        call,
        (snapshot) => updates.next(snapshot),
        (send, id, data) => send.update(id, data),
      );
    },
  ),
});

/** A call of a live subscription. */
interface LiveCall {
  readonly ctx: Pick<Context, "services" | "connection"> & StreamContext & {
    readonly principal: Principal;
    readonly getRawInput: () => Promise<unknown>;
  };
  readonly input: ZodOutput<typeof resumedInput>;
}

/**
 * The values of a live subscription, one for each frame.
 * @param valueOf makes the value of a frame that is about to be sent.
 * @param sendPast sends a value past tRPC, where the connection has a sender.
 */
async function* liveValues<Value>(
  { ctx, input }: LiveCall,
  valueOf: (snapshot: Snapshot) => Value,
  sendPast: (sender: ValueSender, eventId: string, value: Value) => void,
): AsyncGenerator<TrackedEnvelope<Value>> {
  const scope = scopeOf(ctx.principal, input.storeId);
  const { lastEventId, maxFramesPerSecond } = input;
  using slot = ctx.connection.slots.open();
  using rate = maxFramesPerSecond === undefined ? null : new FrameRate(maxFramesPerSecond);
  const turn = () => slot.turn();
  const frames = ctx.services.hub.watch(scope, lastEventId ?? null, ctx.ending, {
    readyToSend: rate === null ? turn : () => rate.whenDue(turn),
    isSparse: rate !== null,
  });
  const sender = await ctx.connection.senderOf?.(() => ctx.getRawInput()) ?? null;
  for await (const { id, snapshot } of frames) {
    await ctx.assertStillAllowed((caller) => void scopeOf(caller, input.storeId));
    const value = valueOf(snapshot);
    if (sender === null) yield tracked(id, value);
    else sendPast(sender, id, value);
    slot.sent();
    rate?.sent();
  }
}

/** The scope of a call. @throws Refused forbidden when the key is not for it */
function scopeOf(principal: Principal, storeId: string | undefined): string {
  if (storeId !== undefined) {
    assertStore(principal, storeId);
    return storeId;
  }
  assertAllStores(principal);
  return ALL_STORES;
}
