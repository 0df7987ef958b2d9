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

export interface Intake {
  place(order: PlaceOrder): Promise<Answer>;
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
  return {
    place: async (order) => {
      const tooFar = backlog?.refusalOf(order.storeId) ?? null;
      if (tooFar !== null) {
        const { reason } = tooFar;
        metrics.orders.inc({ outcome: reason });
        metrics.shed.inc({ reason });
        return { ok: false, refusal: tooFar };
      }
      const begunAt = performance.now();
      const answered = backlog?.count(order.lines.length);
      const answer = await writer.place(toNewOrder(order), order.deadlineMs).finally(answered);
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
        onShed(reason);
      }
      return answer;
    },
  };
}
