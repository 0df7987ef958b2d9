/**
 * What procedures work with: the parts of the instance, and who is calling over what.
 */
import type { AggregateResult } from "../../actors/aggregator/aggregator.ts";
import type { AuditReport } from "../../sql/figures/audit.ts";
import type { Cancellation } from "../../sql/orders/cancellation.ts";
import type { ListOptions, Order, OrderPage } from "../../sql/orders/orders.ts";
import type { Auth } from "../front/auth.ts";
import type { DeadLetters } from "../orders/dead_letters.ts";
import type { Intake } from "../orders/intake.ts";
import type { LiveHub } from "../live/live_hub.ts";
import type { StatusBoard } from "../ops/status_board.ts";
import type { Turns } from "../front/slots.ts";

export interface CancelOrder {
  readonly storeId: string;
  readonly orderId: string;
  readonly reason: string | null;
}

/** The parts of an instance that calls reach. */
export interface Services {
  readonly auth: Auth;
  readonly intake: Intake;
  readonly orders: {
    /** Null when there is no such order. */
    read(storeId: string, orderId: string): Promise<Order | null>;
    list(options: ListOptions): Promise<OrderPage>;
    /**
     * Null when the database has no such order.
     * @throws RefusedError unavailable, at once while the circuit is open
     */
    cancel(order: CancelOrder): Promise<Cancellation | null>;
  };
  readonly deadLetters: DeadLetters;
  readonly hub: Pick<LiveHub, "snapshot" | "watch">;
  readonly statusBoard: StatusBoard;
  readonly aggregate: () => Promise<AggregateResult>;
  /** Holds so many random buckets against a recount. */
  readonly audit: (buckets: number) => Promise<AuditReport>;
}

export interface Context {
  readonly services: Services;
  /** From the header or the connection's params; null: none was sent. */
  readonly token: string | null;
  /** For streams: whose turn it is on the caller's connection. */
  readonly turns: Turns;
}
