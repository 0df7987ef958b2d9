/**
 * Which failures at the start waiting cannot cure. A database that is away comes back; one that does
 * not let us in, or holds a schema that this code does not know, needs somebody to change something.
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

/** What to print before exiting, in one line; null for what is a bug. */
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
