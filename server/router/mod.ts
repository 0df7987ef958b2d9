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
