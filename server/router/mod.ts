/**
 * The router: every procedure that clients can call. `AppRouter` is all that a client needs of the
 * server, and it is a type.
 */
import { dashboardRouter } from "./dashboard.ts";
import { opsRouter } from "./ops.ts";
import { ordersRouter } from "./orders.ts";
import { router } from "./procedures.ts";

export const appRouter = router({
  orders: ordersRouter,
  dashboard: dashboardRouter,
  ops: opsRouter,
});

export type AppRouter = typeof appRouter;
export type { OpsStatus } from "../ops/status_board.ts";
export type { Snapshot } from "../live/snapshot.ts";
export type { PlaceError, PlaceResult } from "./orders.ts";
export type { ErrorDetails, InputIssue } from "./errors.ts";
export type { Acknowledgement } from "../../actors/order_writer/mailbox.ts";
export type { RefusalReason } from "../../client/contract/refusal.ts";
export type {
  Replay,
  ReplayManyReport,
  ReplayOutcome,
  ReplayResult,
} from "../orders/dead_letters.ts";
export type { DeadLetter, LetterPage, LetterState } from "../../sql/orders/dead_letters.ts";
export type { Order, OrderPage, OrderStatus } from "../../sql/orders/orders.ts";
export type { PlaceInput } from "../../sql/orders/new_order.ts";
