/**
 * The router: every procedure that clients can call. Its type for clients is `AppRouter` of
 * client/api/app_router.ts, which a test holds equal to this one.
 *
 * Tested in tests/wire/wire_test.ts and tests/client/api/app_router_test.ts.
 */
import { dashboardRouter } from "./dashboard.ts";
import { opsRouter } from "./ops.ts";
import { ordersRouter } from "./orders.ts";
import { router } from "./procedures.ts";
import { renewToken } from "./tokens/renew_token.ts";
import { whoami } from "./whoami.ts";

export const appRouter = router({
  orders: ordersRouter,
  dashboard: dashboardRouter,
  ops: opsRouter,
  whoami,
  renewToken,
});
