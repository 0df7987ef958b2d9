/**
 * Every process that Weir has started needs the same two things: its end in words, and signals to it.
 *
 * Tested in tests/server/embedded and tests/system/process/processes_test.ts.
 */

/** A process of the service has ended before it was ready; the message is one line. */
export class ProcessFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ProcessFailed";
  }
}

/** How a process has ended, after its name in a line. */
export function howEnded(status: Deno.CommandStatus): string {
  return status.signal ? `was ended by ${status.signal}` : `ended with code ${status.code}`;
}

/** Sends the signal. @returns false when the process has ended already */
export function signalled(child: Deno.ChildProcess, signal: Deno.Signal): boolean {
  try {
    child.kill(signal);
    return true;
  } catch {
    return false;
  }
}
