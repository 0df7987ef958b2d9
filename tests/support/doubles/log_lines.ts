/** The lines that code under test logs, for tests that read them. */
import { configure, reset } from "@logtape/logtape";

/** Runs `test` with the lines so far of one place, each as `level: text`. */
export async function withLogLines<T>(
  test: (lines: string[]) => T | Promise<T>,
  place: readonly string[] = ["weir"],
): Promise<T> {
  const lines: string[] = [];
  await configure({
    reset: true,
    sinks: { lines: ({ level, message }) => void lines.push(`${level}: ${message.join("")}`) },
    loggers: [
      { category: [...place], lowestLevel: "info", sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["lines"] },
    ],
  });
  try {
    return await test(lines);
  } finally {
    await reset();
  }
}
