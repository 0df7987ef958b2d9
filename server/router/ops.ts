/**
 * `ops.*`: what the actors are doing, and asking them to do it now.
 */
import { AggregatorStopped } from "../../actors/aggregator.ts";
import { DRAINING } from "../../actors/order_refusals.ts";
import { RefusedError } from "./errors.ts";
import { deadLettersRouter } from "./dead_letters.ts";
import { procedureFor, reading, router } from "./procedures.ts";

const ops = procedureFor("ops");

export const opsRouter = router({
  status: ops.query(({ ctx }) => ctx.services.statusBoard.read()),

  onStatus: ops.subscription(async function* ({ ctx, signal }) {
    for await (const status of ctx.services.statusBoard.watch(signal)) {
      await ctx.assertStillAllowed();
      yield status;
      await ctx.drained();
    }
  }),

  deadLetters: deadLettersRouter,

  aggregate: ops.mutation(({ ctx }) => reading(ctx.services.aggregate().catch(unlessStopped))),
});

function unlessStopped(error: unknown): never {
  throw error instanceof AggregatorStopped ? new RefusedError(DRAINING) : error;
}
