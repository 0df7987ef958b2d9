/**
 * Helpers for processes that Weir starts: the way one ended, in words, and a signal to it.
 *
 * Tested in tests/server/embedded and tests/system/process/processes_test.ts.
 */

/** The processes cannot be started, or one exited before it was ready. The message is one line. */
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
