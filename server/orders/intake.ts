/**
 * The intake: checked orders on their way to the writer, timed and counted.
 *
 * Tested in tests/server/router/ops_test.ts.
 */
import type { Answer, PlaceOrder } from "../../client/contract/order.ts";
import type { OrderWriter } from "../../actors/order_writer/order_writer.ts";
import type { RefusalReason } from "../../client/contract/refusal.ts";
import { toNewOrder } from "../../sql/orders/new_order.ts";
import type { JournalBacklog } from "./journal_backlog.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Spend } from "./rate_limit.ts";

export interface Intake {
  /** @param spend asked before anything else is done for the order. Default: there is no limit. */
  place(order: PlaceOrder, spend?: Spend): Promise<Answer>;
}

/** Reasons of shedding: the order was refused before it cost any work of the database. */
const SHED: ReadonlySet<RefusalReason> = new Set([
  "queue_full",
  "circuit_open",
  "deadline_exceeded",
  "rate_limited",
  "draining",
]);

/**
 * An intake in front of `writer`.
 * @param onShed called for each order that was refused without work, because of orders that wait.
 * @param backlog refuses orders while the journal is too long; null: none does.
 */
export function createIntake(
  writer: OrderWriter,
  metrics: Metrics,
  onShed: (reason: RefusalReason) => void = () => undefined,
  backlog: Pick<JournalBacklog, "refusalOf" | "count"> | null = null,
): Intake {
  const placed = (order: PlaceOrder, answered?: () => void) =>
    writer.place(toNewOrder(order), order.deadlineMs).finally(answered);
  return {
    place: async (order, spend) => {
      const begunAt = performance.now();
      const overRate = spend?.(order.lines.length) ?? null;
      const tooFar = overRate === null ? backlog?.refusalOf(order.storeId) ?? null : null;
      const refusal = overRate ?? tooFar;
      const answer: Answer = refusal === null
        ? await placed(order, backlog?.count(order.lines.length))
        : { ok: false, refusal };
      metrics.ackSeconds.observe((performance.now() - begunAt) / 1_000);
      if (answer.ok) {
        const { replayed, status } = answer.acknowledgement;
        metrics.orders.inc({ outcome: replayed ? "replayed" : status });
        return answer;
      }
      const { reason } = answer.refusal;
      metrics.orders.inc({ outcome: reason });
      if (SHED.has(reason)) {
        metrics.shed.inc({ reason });
        if (tooFar === null) onShed(reason); // a long journal is a problem of its own
      }
      return answer;
    },
  };
}
