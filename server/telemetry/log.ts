/**
 * Logging: one line an event, as text for a person at a terminal or as JSON for a collector.
 * Code gets a logger by `getLogger(["weir", part])`; this file decides where the lines go.
 *
 * Tested in tests/server/service_start_test.ts.
 */
import {
  configure,
  getConsoleSink,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
} from "@logtape/logtape";
import type { Config } from "../config.ts";

export { getLogger };

/** Decides where log lines go. Called once, at the start of a process. */
export async function configureLog(config: Pick<Config, "logLevel" | "logFormat">): Promise<void> {
  const formatter = config.logFormat === "json"
    ? getJsonLinesFormatter()
    : getTextFormatter({ timestamp: "time", level: "full" });
  await configure({
    reset: true,
    sinks: { console: getConsoleSink({ formatter }) },
    loggers: [
      { category: "weir", lowestLevel: config.logLevel, sinks: ["console"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["console"] },
    ],
  });
}

/** An error in one line, for the log. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
  // A host with several addresses that all failed gives an error without a message.
  return `${error.message || error.name}${code}`;
}
