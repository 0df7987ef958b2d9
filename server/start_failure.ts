/**
 * The failures of a start that waiting cannot cure. A database that is away comes back by itself. A
 * database that refuses our login, or has a schema that this code does not know, needs a person.
 * Tested in tests/server/service_start_test.ts.
 */
import { MigrationError } from "../sql/migrate.ts";
import { classify } from "../sql/connection/failure.ts";
import { ConfigError } from "./config.ts";
import { EmbeddedError } from "./embedded/mod.ts";
import { ListenError } from "./front/listen_error.ts";

/** SQLSTATEs of a wrong DATABASE_URL. */
const WRONG_URL: ReadonlySet<string> = new Set([
  "28000", // no such user, or not from here
  "28P01", // wrong password
  "3D000", // no such database
]);

/** True when trying again cannot help. */
export function cannotBeCured(error: unknown): boolean {
  return error instanceof MigrationError || WRONG_URL.has(classify(error).code);
}

/** The line to print before the process exits; null when the error is a bug. */
export function startFailureLine(error: unknown): string | null {
  if (
    error instanceof ConfigError || error instanceof EmbeddedError ||
    error instanceof ListenError || error instanceof MigrationError
  ) return error.message;
  if (error instanceof Error && WRONG_URL.has(classify(error).code)) {
    return `DATABASE_URL is wrong: ${error.message}`;
  }
  return null;
}
