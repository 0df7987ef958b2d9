/**
 * Which failures at the start waiting cannot cure. A database that is away comes back; one that does
 * not let us in, or holds a schema that this code does not know, needs somebody to change something.
 */
import { MigrationError } from "../sql/migrate.ts";
import { isWrongUrl } from "../sql/connection/failure.ts";
import { ConfigError } from "./config.ts";
import { EmbeddedError } from "./embedded/mod.ts";
import { ListenError } from "./front/listen_error.ts";

/** True when trying again cannot help. */
export function cannotBeCured(error: unknown): boolean {
  return error instanceof MigrationError || isWrongUrl(error);
}

/** What to print before exiting, in one line; null for what is a bug. */
export function startFailureLine(error: unknown): string | null {
  if (
    error instanceof ConfigError || error instanceof EmbeddedError ||
    error instanceof ListenError || error instanceof MigrationError
  ) return error.message;
  if (error instanceof Error && isWrongUrl(error)) {
    return `DATABASE_URL is wrong: ${error.message}`;
  }
  return null;
}
