/**
 * Writes lines to a stream that may be slow, stuck or closed, and lets nobody wait for it.
 *
 * Printing to the console waits until the reader has taken the text. When the program behind a pipe
 * stops reading, the whole process would stand still. So lines wait here, within a bound. Beyond it
 * the newest lines are lost, and their number is the first line once the reader reads again.
 */
import { settlesWithin } from "../../sql/waiting.ts";

/** A minute of lines in trouble. */
const MAX_BYTES = 1 << 20;

export interface LineWriterOptions {
  /** Writes some of the bytes. @returns how many */
  readonly write: (bytes: Uint8Array) => Promise<number>;
  readonly maxBytes?: number;
}

export class LineWriter {
  readonly #encoder = new TextEncoder();
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #lost = 0;
  #writing: Promise<void> | null = null;

  constructor(readonly options: LineWriterOptions) {}

  /** Takes a line with its line break. Never throws and never waits. */
  readonly add = (line: string): void => {
    const bytes = this.#encoder.encode(line);
    if (this.#bytes + bytes.length > (this.options.maxBytes ?? MAX_BYTES)) {
      this.#lost++;
      return;
    }
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    this.#writing ??= this.#writeAll();
  };

  /** Resolves when all lines are written, or after `timeoutMs`. */
  async flush(timeoutMs: number): Promise<void> {
    if (this.#writing !== null) await settlesWithin(timeoutMs, this.#writing);
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      for (const line of lines) {
        await this.#write(line);
        this.#bytes -= line.length;
        await this.#tellLost();
      }
    }
    this.#writing = null; // no `await` since the loop's last look, so no line is missed
  }

  async #tellLost(): Promise<void> {
    if (this.#lost === 0) return;
    const lost = this.#lost;
    this.#lost = 0;
    await this.#write(
      this.#encoder.encode(`${lost} lines of the log are lost: nobody read them\n`),
    );
  }

  /** A stream that takes nothing loses the line. There is no other place to say so. */
  async #write(line: Uint8Array): Promise<void> {
    try {
      for (let written = 0; written < line.length;) {
        written += await this.options.write(line.subarray(written));
      }
    } catch {
      this.#lost = 0; // the reader is gone, or its disk is full
    }
  }
}
