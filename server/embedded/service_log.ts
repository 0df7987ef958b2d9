/**
 * The log file of one embedded service.
 *
 * The service writes to a pipe, and the copy of the pipe is the log file. So the log also has the
 * lines from before the service begins its own log, such as a wrong setting or a missing library. The
 * line that explains a failed start is at hand. A full file is renamed to `.1`, so the log takes at
 * most twice `MAX_BYTES`.
 *
 * Tested in tests/server/embedded/supervisor_test.ts.
 */

const MAX_BYTES = 8 * 1024 * 1024;
const KEPT_LINES = 60;
/** Patterns of a reason, the better one first: errors that end a server, then any other error. */
const REASONS = [/\b(?:FATAL|PANIC)\b/i, /\berror\b|\bbad\b|cannot|can't|could not|failed/i];

export class ServiceLog {
  #file: Deno.FsFile | undefined;
  #bytes = 0;
  #lines: string[] = [];
  #rest = "";
  #writes: Promise<void> = Promise.resolve();
  readonly #readers = new Set<ReadableStreamDefaultReader<Uint8Array>>();

  constructor(readonly path: string) {}

  /** Forgets the lines so far, because a new start begins. */
  mark(): void {
    this.#lines = [];
    this.#rest = "";
  }

  /** Copies `stream` until it ends. It never throws; a full disk loses lines. */
  async follow(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    const reader = stream.getReader();
    this.#readers.add(reader);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.#keep(decoder.decode(value, { stream: true }));
        // One chain of writes, so that a chunk of one stream does not split a chunk of another.
        this.#writes = this.#writes.then(() => this.#append(value)).catch(() => this.#close());
        await this.#writes;
      }
    } catch {
      return; // the pipe broke, so the copy ends
    } finally {
      this.#readers.delete(reader);
    }
  }

  /** The line that explains best why the service ended, or "it said nothing". */
  get reason(): string {
    const lines = [...this.#lines, this.#rest].map((line) => line.trim()).filter(Boolean);
    for (const pattern of REASONS) {
      const line = lines.findLast((candidate) => pattern.test(candidate));
      if (line !== undefined) return withoutPrefix(line);
    }
    const last = lines.at(-1);
    return last === undefined ? "it said nothing" : withoutPrefix(last);
  }

  /** Ends the copy, even when a process still holds the pipe, and closes the file. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#readers].map((reader) => reader.cancel()));
    await this.#writes;
    this.#close();
  }

  #keep(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    this.#lines = [...this.#lines, ...lines].slice(-KEPT_LINES);
  }

  async #append(chunk: Uint8Array): Promise<void> {
    if (this.#file && this.#bytes > MAX_BYTES) {
      this.#close();
      await Deno.rename(this.path, `${this.path}.1`);
    }
    if (!this.#file) {
      this.#file = await Deno.open(this.path, { append: true, create: true, mode: 0o600 });
      this.#bytes = (await this.#file.stat()).size;
    }
    let written = 0;
    while (written < chunk.length) written += await this.#file.write(chunk.subarray(written));
    this.#bytes += written;
  }

  #close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

/** A line without the time and process id that PostgreSQL and Redis begin with. */
function withoutPrefix(line: string): string {
  return line
    .replace(/^\d{4}-\d\d-\d\d \S+ \S+ \[\d+\] /, "")
    .replace(/^\d+:\S \d\d \w{3} \d{4} \S+ [#*.-] /, "");
}
