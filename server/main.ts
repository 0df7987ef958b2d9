/**
 * The service: reads the configuration, starts what is embedded, starts the instance, and ends on a
 * signal. The first SIGTERM or SIGINT finishes what is under way; the second ends at once.
 */
import { readConfig } from "./config.ts";
import { runService } from "./service.ts";
import { startFailureLine } from "./start_failure.ts";
import { configureLog } from "./telemetry/log.ts";

if (import.meta.main) {
  try {
    const config = readConfig();
    await configureLog(config);
    await runService(config, {});
    Deno.exit(0);
  } catch (error) {
    const line = startFailureLine(error);
    if (line === null) console.error(error);
    else console.error(`weir: ${line}`);
    Deno.exit(1);
  }
}
