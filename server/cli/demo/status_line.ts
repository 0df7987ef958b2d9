/**
 * The status line of a running task. On a terminal it is one line that is written over. Elsewhere
 * it is a new line when something has changed, at most one a second. Tested, off a terminal, in
 * tests/server/cli/tasks_test.ts.
 */

export interface StatusLine {
  /** Ends the updates. On a terminal the last line is shown once more. */
  end(): void;
}

const TERMINAL_EVERY_MS = 250;
const PLAIN_EVERY_MS = 1_000;
const ERASE_LINE = "\x1b[2K";

/** Shows the short line that `read` returns, again and again until `end`. */
export function showStatus(read: () => string, isTerminal: boolean): StatusLine {
  let shown = "";
  const show = () => {
    const line = read();
    if (line === shown) return;
    shown = line;
    // The cursor goes back to the beginning: a line of the log then replaces this one.
    if (isTerminal) Deno.stdout.writeSync(new TextEncoder().encode(`${ERASE_LINE}${line}\r`));
    else console.log(line);
  };
  show();
  const timer = setInterval(show, isTerminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS);
  return {
    end: () => {
      clearInterval(timer);
      if (isTerminal) {
        show();
        console.log();
      }
    },
  };
}
