/**
 * `deno task start`: runs the service until SIGTERM or SIGINT.
 *
 * The first signal finishes the work under way; the second one ends the process at once. Tested in
 * tests/server/service_start_test.ts and tests/server/service_stop_test.ts.
 */
import { readConfig } from "../config.ts";
import { runService } from "../service.ts";
import { configureLog } from "../telemetry/log.ts";
import { taskCommand } from "./command.ts";

export const command = taskCommand(
  "start",
  "Runs the service until SIGTERM or SIGINT. Its settings are environment variables.",
).action(async () => {
  const config = readConfig();
  await configureLog(config);
  await runService(config, {});
});
