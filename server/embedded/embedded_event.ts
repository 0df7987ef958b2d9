/**
 * The events and the error with which embedded services report to the service that started them.
 * The service logs the events. Tested in tests/server/embedded.
 */

export type EmbeddedService = "postgres" | "redis";

export type EmbeddedEventKind =
  | "initialising" // a new database is made, or Redis is unpacked
  | "orphan_stopped" // a server that an earlier, killed run had left running is stopped
  | "set_aside" // an unfinished folder was moved out of the way
  | "ready"
  | "exited" // the process ended by itself
  | "retrying"
  | "unavailable" // this machine has no program for the service
  | "stopped";

export interface EmbeddedEvent {
  readonly service: EmbeddedService;
  readonly kind: EmbeddedEventKind;
  /** One line for the log, without secrets. */
  readonly message: string;
}

export type OnEmbeddedEvent = (event: EmbeddedEvent) => void;

/** An embedded service cannot run. The message is one line that says why and where to look. */
export class EmbeddedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message.replaceAll(/\s*\n\s*/g, " "), options);
    this.name = "EmbeddedError";
  }
}

/** The message of a thrown value of any kind. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
