/**
 * The frames of live figures: the subscription that brings them, as patches of the frame before. The
 * first of each subscription is whole, and so is the next one wherever a patch does not fit.
 *
 * Tested in tests/client/live/frames_test.ts.
 */
import type { TRPCClient } from "@trpc/client";
import type { AppRouter } from "../api/app_router.ts";
import { WeirError } from "../api/weir_error.ts";
import type { LiveScope, SubscribeToLive } from "./live.ts";
import { applyUpdate, type ShownUpdate, UnfitPatch } from "./patch.ts";

/** The subscription to a scope's frames, by the transport's way of the moment. */
export function framesOf(
  livePatches: TRPCClient<AppRouter>["dashboard"]["livePatches"],
  { storeId, maxFramesPerSecond }: LiveScope,
  lossOf: (error: unknown) => WeirError | null,
): SubscribeToLive {
  return (lastEventId, { onSnapshot, onLost, onError, onComplete }) => {
    let shown: ShownUpdate | null = null;
    const subscription = livePatches.subscribe({ storeId, maxFramesPerSecond, lastEventId }, {
      onData: ({ id, data }) => {
        try {
          shown = applyUpdate(shown, data);
        } catch (cause) {
          if (!(cause instanceof UnfitPatch)) throw cause;
          subscription.unsubscribe();
          return onError(new WeirError("no_answer", cause.message, {}, { cause }));
        }
        onSnapshot(shown.snapshot, id);
      },
      onConnectionStateChange: ({ state, error }) => {
        if (state === "connecting") onLost(lossOf(error));
      },
      onError,
      onComplete,
    });
    return () => subscription.unsubscribe();
  };
}
