/**
 * `ops.*`: the status of the actors, and asking them for a run now.
 */
import { AggregatorStopped } from "../../actors/aggregator/aggregator.ts";
import { AuditorStopped } from "../../actors/auditor/auditor.ts";
import { DRAINING } from "../../actors/order_writer/order_refusals.ts";
import { auditInput } from "../../client/contract/ops_runs.ts";
import { Refused } from "../../client/contract/refused.ts";
import { orUnavailable } from "../orders/outage.ts";
import { deadLettersRouter } from "./dead_letters.ts";
import { procedureFor, router } from "./procedures.ts";
import { assertAllStores } from "./rights.ts";

const ops = procedureFor("ops");

export const opsRouter = router({
  status: ops.query(({ ctx }) => ctx.services.statusBoard.read()),

  onStatus: ops.subscription(async function* ({ ctx }) {
    using slot = ctx.connection.slots.open();
    const send = await ctx.connection.senderOf?.(() => ctx.getRawInput()) ?? null;
    for await (const newest of ctx.services.statusBoard.watch(ctx.ending)) {
      await slot.turn();
      await ctx.assertStillAllowed(); // a turn may be long, and the token may end meanwhile
      if (send === null) yield newest();
      else send.status(newest());
      slot.sent();
    }
  }),

  deadLetters: deadLettersRouter,

  aggregate: ops.mutation(({ ctx }) =>
    orUnavailable(ctx.services.aggregate().catch(unlessStopped))
  ),

  /** The report names figures of any store, so a key for some stores is refused. */
  audit: ops.input(auditInput.prefault({})).mutation(({ ctx, input }) => {
    assertAllStores(ctx.principal);
    const audit = async () => {
      const report = await ctx.services.audit(input.buckets).catch(unlessStopped);
      return { ...report, drifted: report.drifted.slice(0, MAX_DRIFTS) };
    };
    return orUnavailable(audit());
  }),
});

/** Very many buckets may have drifted. So many differences take 500 KB. */
const MAX_DRIFTS = 1_000;

function unlessStopped(error: unknown): never {
  const hasStopped = error instanceof AggregatorStopped || error instanceof AuditorStopped;
  throw hasStopped ? new Refused(DRAINING) : error;
}
