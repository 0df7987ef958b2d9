/**
 * `ops.*`: what the actors are doing, and asking them to do it now.
 */
import { z } from "zod";
import { AggregatorStopped } from "../../actors/aggregator/aggregator.ts";
import { AUDITED_BUCKETS, AuditorStopped } from "../../actors/auditor/auditor.ts";
import { DRAINING } from "../../actors/order_writer/order_refusals.ts";
import { RefusedError } from "./errors.ts";
import { deadLettersRouter } from "./dead_letters.ts";
import { OTHER_STORE, procedureFor, reading, router } from "./procedures.ts";

const ops = procedureFor("ops");

const auditInput = z.strictObject({
  buckets: z.int().min(1).max(1_000).default(AUDITED_BUCKETS),
}).prefault({});

export const opsRouter = router({
  status: ops.query(({ ctx }) => ctx.services.statusBoard.read()),

  onStatus: ops.subscription(async function* ({ ctx, signal }) {
    using lane = ctx.turns.lane();
    for await (const newest of ctx.services.statusBoard.watch(signal)) {
      await ctx.assertStillAllowed();
      await lane.turn();
      yield newest();
      lane.sent();
    }
  }),

  deadLetters: deadLettersRouter,

  aggregate: ops.mutation(({ ctx }) => reading(ctx.services.aggregate().catch(unlessStopped))),

  /** Names figures of any store, so it is not for a key that is bound to one. */
  audit: ops.input(auditInput).mutation(({ ctx, input }) => {
    if (ctx.principal.storeId !== null) throw new RefusedError(OTHER_STORE);
    return reading(ctx.services.audit(input.buckets).catch(unlessStopped));
  }),
});

function unlessStopped(error: unknown): never {
  const hasStopped = error instanceof AggregatorStopped || error instanceof AuditorStopped;
  throw hasStopped ? new RefusedError(DRAINING) : error;
}
