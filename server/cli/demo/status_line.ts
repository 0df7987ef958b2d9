/**
 * What a running task shows of itself: on a terminal one line that is written over, elsewhere a line
 * a second at most, and only when something has changed.
 */

export interface StatusLine {
  /** Shows the last line, and ends. */
  end(): void;
}

const TERMINAL_EVERY_MS = 250;
const PLAIN_EVERY_MS = 1_000;
const ERASE_LINE = "\x1b[2K";

/** Shows what `read` answers, one short line, again and again until `end`. */
export function showStatus(read: () => string, isTerminal: boolean): StatusLine {
  let shown = "";
  const show = () => {
    const line = read();
    if (line === shown) return;
    shown = line;
    // The cursor goes back to the beginning, so that a line of the log is written over this one.
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
