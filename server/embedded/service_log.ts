/**
 * The log file of one embedded service.
 *
 * The service writes to a pipe, and `ServiceLog` copies the pipe to disk. This also keeps the lines
 * that come before the service's own logging starts, for example about a wrong setting or a missing
 * library. The line that explains a failed start is therefore at hand.
 *
 * The log takes at most two files of about `MAX_BYTES`: the file, and the file before as `.1`.
 * Tested in tests/server/embedded.
 */

const MAX_BYTES = 8 * 1024 * 1024;
const KEPT_LINES = 60;
/** The patterns in the order of trying: first lines of a server's end, then other likely reasons. */
const REASONS = [/\b(?:FATAL|PANIC)\b/i, /\berror\b|\bbad\b|cannot|can't|could not|failed/i];

export class ServiceLog {
  #file: Deno.FsFile | undefined;
  #bytes = 0;
  #lines: string[] = [];
  #rest = "";
  #writes: Promise<void> = Promise.resolve();
  readonly #readers = new Set<ReadableStreamDefaultReader<Uint8Array>>();

  constructor(readonly path: string) {}

  /** Forgets the lines kept so far, because the following lines belong to a new start. */
  mark(): void {
    this.#lines = [];
    this.#rest = "";
  }

  /** Copies `stream` until it ends. Never throws: a full disk only loses lines. */
  async follow(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    const reader = stream.getReader();
    this.#readers.add(reader);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.#keep(decoder.decode(value, { stream: true }));
        // All writes form one chain, so that no chunk of a stream is split by another stream's.
        this.#writes = this.#writes.then(() => this.#append(value)).catch(() => this.#close());
        await this.#writes;
      }
    } catch {
      return; // the pipe broke, so nothing is left to copy
    } finally {
      this.#readers.delete(reader);
    }
  }

  /** The line that says best why the service ended, or "it said nothing". */
  get reason(): string {
    const lines = [...this.#lines, this.#rest].map((line) => line.trim()).filter(Boolean);
    for (const pattern of REASONS) {
      const line = lines.findLast((candidate) => pattern.test(candidate));
      if (line !== undefined) return withoutPrefix(line);
    }
    const last = lines.at(-1);
    return last === undefined ? "it said nothing" : withoutPrefix(last);
  }

  /** Ends the copying, also from a process that still holds the pipe, and closes the file. */
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

/** A line without PostgreSQL's or Redis's time and process id. */
function withoutPrefix(line: string): string {
  return line
    .replace(/^\d{4}-\d\d-\d\d \S+ \S+ \[\d+\] /, "")
    .replace(/^\d+:\S \d\d \w{3} \d{4} \S+ [#*.-] /, "");
}
