/**
 * Logging: one line an event, as text for a person at a terminal or as JSON for a collector.
 * Code gets a logger by `getLogger(["weir", part])`; this file decides where the lines go: warnings
 * and errors to stderr, all others to stdout. Nobody waits for a line (line_writer.ts).
 *
 * Tested in tests/server/telemetry/log_test.ts and tests/server/service_start_test.ts.
 */
import {
  configure,
  getJsonLinesFormatter,
  getLogger as getTemplateLogger,
  getTextFormatter,
  type LogRecord,
} from "@logtape/logtape";
import type { Config } from "../config.ts";
import { LineWriter } from "./line_writer.ts";

/** A line of the log, and its figures for a collector. The line is written as it is. */
type Say = (line: string, figures?: Record<string, unknown>) => void;

export type Log = Readonly<Record<"debug" | "info" | "warn" | "error" | "fatal", Say>>;

const stdout = new LineWriter({ write: (bytes) => Deno.stdout.write(bytes) });
const stderr = new LineWriter({ write: (bytes) => Deno.stderr.write(bytes) });
const TO_STDOUT: ReadonlySet<LogRecord["level"]> = new Set(["trace", "debug", "info"]);
/** A process that ends waits this long for the reader of its log. */
const FLUSH_MS = 1_000;

/** The log of one part. */
export function getLogger(category: readonly ["weir", ...string[]]): Log {
  const log = getTemplateLogger(category);
  return {
    debug: (line, figures) => log.debug(literal(line), figures),
    info: (line, figures) => log.info(literal(line), figures),
    warn: (line, figures) => log.warn(literal(line), figures),
    error: (line, figures) => log.error(literal(line), figures),
    fatal: (line, figures) => log.fatal(literal(line), figures),
  };
}

/** In LogTape's lines braces hold the place of a figure. Here a line may hold the text of an error. */
function literal(line: string): string {
  return line.replaceAll("{", "{{").replaceAll("}", "}}");
}

/**
 * Decides where log lines go. Called once, at the start of a process. The lines of one of several
 * processes begin with its number.
 */
export async function configureLog(
  config: Pick<Config, "logLevel" | "logFormat" | "supervisor">,
): Promise<void> {
  const format = config.logFormat === "json"
    ? getJsonLinesFormatter()
    : getTextFormatter({ timestamp: "time", level: "full" });
  const [number] = /\d+$/.exec(config.supervisor ?? "") ?? [];
  const formatter = number === undefined ? format : (record: LogRecord) =>
    format({
      ...record,
      message: [`process ${number}: ${record.message[0]}`, ...record.message.slice(1)],
      properties: { ...record.properties, process: Number(number) },
    });
  await configure({
    reset: true,
    sinks: {
      lines: (record) => (TO_STDOUT.has(record.level) ? stdout : stderr).add(formatter(record)),
    },
    loggers: [
      { category: "weir", lowestLevel: config.logLevel, sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["lines"] },
    ],
  });
}

/** Resolves when the lines are written, or the reader does not take them. Call it before an exit. */
export async function flushLog(): Promise<void> {
  await Promise.all([stdout.flush(FLUSH_MS), stderr.flush(FLUSH_MS)]);
}

/** An error in one line, for the log. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
  // A host with several addresses that all failed gives an error without a message.
  return `${error.message || error.name}${code}`;
}
