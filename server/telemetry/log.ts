/**
 * Logging: one line an event, as text for a person at a terminal or as JSON for a collector.
 * Libraries of Weir get a logger by `getLogger(["weir", part])`; here is said where the lines go.
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

/** Sets up where log lines go. Called once, at the start of a process. */
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

/** What an error is, in one line, for the log. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
  // Several addresses of one host that all failed come without a message of their own.
  return `${error.message || error.name}${code}`;
}
