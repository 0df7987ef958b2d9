/**
 * The tasks share this file: it reads a command line, prints results and ends a task.
 *
 * A task exits with 0 on success. It exits with 1 on failure, after one line on stderr that says
 * why. It exits with 2 on wrong usage.
 */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { startFailureLine } from "../start_failure.ts";
import { describe } from "../telemetry/log.ts";

const SUCCESS = 0;
const FAILURE = 1;
const WRONG_USAGE = 2;

/** A failure that an operator can act upon; the message is one line. */
export class TaskFailure extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TaskFailure";
  }
}

/** A command that is called as `deno task <name>`. Its subcommands inherit its settings. */
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

/** Runs the command with `args` and prints a failure in one line. @returns the exit code */
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
/** The longest delay of a timer. */
const MAX_DURATION_MS = 2 ** 31 - 1;

/** Parses a duration for an option: `500ms`, `20s`, `1.5m` or `2h`. @returns milliseconds */
export function durationMs(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Math.round(Number(amount) * (UNIT_MS[unit ?? ""] ?? NaN));
  if (ms >= 1 && ms <= MAX_DURATION_MS) return ms;
  throw new InvalidArgumentError("It must be a duration such as 500ms, 20s or 2m, up to 24 days.");
}

/** Makes a parser of whole numbers from `min` to `max`, for an option. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Makes a parser from a zod shape, for an option or an argument. */
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

/** Makes a parser as `matching`, for an option that may be given several times. Each value counts once. */
export function eachMatching<T>(
  shape: Parameters<typeof matching<T>>[0],
): (text: string, before?: readonly T[]) => readonly T[] {
  const parse = matching(shape);
  return (text, before = []) => [...new Set([...before, parse(text)])];
}

interface Issues {
  readonly issues: readonly { readonly message: string }[];
}

/** Prints a value as JSON, for programs. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** Prints rows in columns, each as wide as its widest cell. The first row is the heading. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  for (const row of rows) {
    console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
  }
}

/** The failure in one line. A bug is printed with its place in the code, for a report. */
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
