/**
 * The router: every procedure that clients can call. A client needs only the type `AppRouter` of
 * the server.
 *
 * Tested in tests/wire/wire_test.ts.
 */
import { dashboardRouter } from "./dashboard.ts";
import { opsRouter } from "./ops.ts";
import { ordersRouter } from "./orders.ts";
import { router } from "./procedures.ts";
import { whoami } from "./whoami.ts";

export const appRouter = router({
  orders: ordersRouter,
  dashboard: dashboardRouter,
  ops: opsRouter,
  whoami,
});

export type AppRouter = typeof appRouter;
