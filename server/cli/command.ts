/**
 * What the tasks share: how a command line is read and how a task ends.
 *
 * A task exits with 0 when it did what was asked, with 1 when it could not, after one line on
 * stderr that says why, and with 2 when it was called in a way it does not know.
 */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { startFailureLine } from "../start_failure.ts";
import { describe } from "../telemetry/log.ts";

const SUCCESS = 0;
const FAILURE = 1;
const WRONG_USAGE = 2;

/** Something an operator can act upon kept the task from its end; the message is one line. */
export class TaskFailure extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TaskFailure";
  }
}

/** A command that is called as `deno task <name>`. Its subcommands behave like it. */
export function taskCommand(name: string, description: string): Command {
  return new Command(`deno task ${name}`)
    .description(description)
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`weir: ${oneLine(text).replace(/^error: /, "")}\n`),
    });
}

/** Reads `args`, runs what they ask for, prints what went wrong. @returns the exit code. */
export async function runTask(command: Command, args: readonly string[]): Promise<number> {
  try {
    await command.parseAsync([...args], { from: "user" });
    return SUCCESS;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? SUCCESS : WRONG_USAGE;
    console.error(`weir: ${failureLine(error)}`);
    return FAILURE;
  }
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
/** The longest a timer can be set to. */
const MAX_DURATION_MS = 2 ** 31 - 1;

/** The milliseconds of `500ms`, `20s`, `1.5m` or `2h`, for an option. */
export function durationMs(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Math.round(Number(amount) * (UNIT_MS[unit ?? ""] ?? NaN));
  if (ms >= 1 && ms <= MAX_DURATION_MS) return ms;
  throw new InvalidArgumentError("It must be a duration such as 500ms, 20s or 2m, up to 24 days.");
}

/** A parser of whole numbers from `min` to `max`, for an option. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** A parser by a zod shape, for an option or an argument. */
export function matching<T>(
  shape: {
    safeParse(text: string): { success: true; data: T } | { success: false; error: Issues };
  },
): (text: string) => T {
  return (text) => {
    const parsed = shape.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(`It ${parsed.error.issues[0]?.message ?? "is wrong"}.`);
  };
}

interface Issues {
  readonly issues: readonly { readonly message: string }[];
}

/** Prints what a program is to read. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** Prints rows of text in columns as wide as their widest cell, the first row as the heading. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  for (const row of rows) {
    console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
  }
}

/** What went wrong, in one line. A bug is named with its place, since nobody can act upon it. */
function failureLine(error: unknown): string {
  if (error instanceof TaskFailure) return oneLine(error.message);
  const known = startFailureLine(error);
  if (known !== null) return oneLine(known);
  const [, place] = /\n\s+at (.*)/.exec(error instanceof Error ? error.stack ?? "" : "") ?? [];
  return oneLine(`a bug: ${describe(error)}${place === undefined ? "" : ` at ${place}`}`);
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, " ");
}
