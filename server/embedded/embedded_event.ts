/** What the embedded services tell the service that started them: events to log, one error. */

export type EmbeddedService = "postgres" | "redis";

export type EmbeddedEventKind =
  | "initialising" // a new database is made, or Redis is unpacked
  | "orphan_stopped" // what an earlier, killed run had left running
  | "set_aside" // an unfinished folder was moved out of the way
  | "ready"
  | "exited" // ended without being asked to
  | "retrying"
  | "unavailable" // not to be had on this machine
  | "stopped";

export interface EmbeddedEvent {
  readonly service: EmbeddedService;
  readonly kind: EmbeddedEventKind;
  /** One line for the log, without secrets. */
  readonly message: string;
}

export type OnEmbeddedEvent = (event: EmbeddedEvent) => void;

/** An embedded service cannot be had; the message is one line that says why and where to look. */
export class EmbeddedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message.replaceAll(/\s*\n\s*/g, " "), options);
    this.name = "EmbeddedError";
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
