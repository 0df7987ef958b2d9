/**
 * The events and the error of the embedded services, for the service that started them.
 *
 * Tested in tests/server/embedded/supervisor_test.ts.
 */

export type EmbeddedService = "postgres" | "redis";

export type EmbeddedEventKind =
  | "initialising" // a new database is made, or Redis is unpacked
  | "orphan_stopped" // a server of an earlier, killed run was stopped
  | "set_aside" // an unfinished folder got another name
  | "ready"
  | "exited" // the server ended by itself
  | "retrying"
  | "unavailable" // this machine has none
  | "stopped";

export interface EmbeddedEvent {
  readonly service: EmbeddedService;
  readonly kind: EmbeddedEventKind;
  /** One line for the log, without secrets. */
  readonly message: string;
}

export type OnEmbeddedEvent = (event: EmbeddedEvent) => void;

/** An embedded service cannot start. The message is one line with the reason and a place to look. */
export class EmbeddedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message.replaceAll(/\s*\n\s*/g, " "), options);
    this.name = "EmbeddedError";
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
