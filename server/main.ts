/**
 * The service: reads the configuration, starts what is embedded, starts the instance, and ends on a
 * signal. The first SIGTERM or SIGINT finishes what is under way; the second ends at once.
 */
import { runTask, taskCommand } from "./cli/command.ts";
import { readConfig } from "./config.ts";
import { runService } from "./service.ts";
import { configureLog } from "./telemetry/log.ts";

const command = taskCommand(
  "start",
  "Runs the service until SIGTERM or SIGINT. Its settings are environment variables.",
).action(async () => {
  const config = readConfig();
  await configureLog(config);
  await runService(config, {});
});

if (import.meta.main) Deno.exit(await runTask(command, Deno.args));
