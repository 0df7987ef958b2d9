/** The lines that instances inside the test's process write to their log. */
import { configure, type LogRecord, reset } from "@logtape/logtape";

export interface LogLine {
  readonly level: string;
  /** The place, such as `weir.problem`. */
  readonly place: string;
  readonly text: string;
}

/** Runs `test` and collects the lines meanwhile. */
export async function withLog(test: (lines: readonly LogLine[]) => Promise<void>): Promise<void> {
  const lines: LogLine[] = [];
  const sink = ({ level, category, message }: LogRecord) => {
    lines.push({ level, place: category.join("."), text: message.map(String).join("") });
  };
  await configure({
    reset: true,
    sinks: { lines: sink },
    loggers: [
      { category: "weir", lowestLevel: "debug", sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: [] },
    ],
  });
  try {
    await test(lines);
  } finally {
    await reset();
  }
}

/** The lines of the problems, without figures: `warning the database is out: …`. */
export function problemLines(lines: readonly LogLine[]): string[] {
  return lines.filter(({ place }) => place === "weir.problem")
    .map(({ level, text }) => `${level} ${text}`);
}
