/**
 * A store in a file, for programs on Node, Deno and Bun: each change is a line at the file's end, and on
 * the disk (fsync) when it was taken. One process has the file at a time.
 *
 * A line that is not whole was never taken, so it is left out. The file is written anew when it is opened,
 * and when most of its lines are of the past. On a full disk it stays as it is, and opens all the same.
 *
 * Tested in tests/client/outbox/stores_test.ts and tests/client/outbox/file_store_test.ts.
 */
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { OutboxEntry } from "../entry.ts";
import type { OutboxStore } from "../outbox_store.ts";
import { lockFile, unlessMissing } from "./lock_file.ts";

/** A line of the file: a new form of an entry, or the ids of entries that are gone. */
type Line = { readonly put: OutboxEntry } | { readonly remove: readonly string[] };

/** A file with fewer lines of the past is left as it is. */
const SPARE_LINES = 1_000;

/**
 * Opens the store, and takes the file for this process.
 * @throws Error when another process has it, or it cannot be read or written
 */
export async function fileStore(path: string): Promise<OutboxStore> {
  const release = await lockFile(path);
  try {
    const content = await read(path);
    const store = new FileStore(path, content.entries, release);
    await store.rewrite().catch(() => store.goOn(content));
    return store;
  } catch (error) {
    await release();
    throw error;
  }
}

class FileStore implements OutboxStore {
  #file: FileHandle | null = null;
  #lines = 0;
  /** Ends the last line of the file, when that has no end. */
  #break = "";
  /** The change before: lines follow each other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    readonly path: string,
    readonly entries: Map<string, OutboxEntry>,
    readonly release: () => Promise<void>,
  ) {}

  load(): Promise<OutboxEntry[]> {
    return Promise.resolve([...this.entries.values()]);
  }

  insert(entry: OutboxEntry): Promise<OutboxEntry> {
    return this.#inTurn(async () => {
      const known = this.entries.get(entry.orderId);
      if (known === undefined) await this.#put(entry);
      return known ?? entry;
    });
  }

  update(
    orderId: string,
    next: (known: OutboxEntry) => OutboxEntry,
  ): Promise<OutboxEntry | undefined> {
    return this.#inTurn(async () => {
      const known = this.entries.get(orderId);
      if (known === undefined) return undefined;
      const entry = next(known);
      if (entry !== known) await this.#put(entry);
      return entry;
    });
  }

  remove(orderIds: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      await this.#append({ remove: orderIds });
      for (const id of orderIds) this.entries.delete(id);
    });
  }

  asSender(work: () => Promise<void>): Promise<void> {
    return work();
  }

  watch(): () => void {
    return () => undefined;
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => {
      await this.#file?.close();
      this.#file = null;
    });
    await this.release();
  }

  /** Writes the entries of now into a new file, and puts it in the place of the old one. */
  async rewrite(): Promise<void> {
    const fresh = `${this.path}.new`;
    const lines = [...this.entries.values()].map((put) => `${JSON.stringify({ put })}\n`);
    try {
      const file = await open(fresh, "w", 0o600);
      try {
        await file.writeFile(lines.join(""));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(fresh, this.path);
    } catch (error) {
      await rm(fresh, { force: true }); // a disk that is full needs the room
      throw error;
    }
    await syncFolder(dirname(this.path));
    await this.#file?.close();
    this.#file = await open(this.path, "a", 0o600);
    this.#lines = lines.length;
    this.#break = "";
  }

  /** Goes on with the file as it is, after its whole lines. */
  async goOn({ wholeBytes, isOpen }: Content): Promise<void> {
    this.#file = await open(this.path, "a", 0o600);
    const { size } = await this.#file.stat();
    if (size > wholeBytes) await this.#file.truncate(wholeBytes);
    if (isOpen) this.#break = "\n";
  }

  async #put(entry: OutboxEntry): Promise<void> {
    await this.#append({ put: entry });
    this.entries.set(entry.orderId, entry);
  }

  async #append(line: Line): Promise<void> {
    if (this.#file === null) throw new Error("the outbox is closed");
    const { size } = await this.#file.stat();
    try {
      await this.#file.appendFile(`${this.#break}${JSON.stringify(line)}\n`);
      await this.#file.datasync();
      this.#break = "";
    } catch (error) {
      // Half of a line would swallow the next one.
      await this.#file.truncate(size).catch(() => undefined);
      throw error;
    }
    this.#lines++;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined).then(() => this.#tidy());
    return turn;
  }

  async #tidy(): Promise<void> {
    if (this.#file === null || this.#lines < 2 * this.entries.size + SPARE_LINES) return;
    await this.rewrite().catch(() => undefined); // the file that it could not replace is still whole
  }
}

interface Content {
  readonly entries: Map<string, OutboxEntry>;
  /** The bytes of the lines that are whole. */
  readonly wholeBytes: number;
  /** True when the last one is whole but for its end. */
  readonly isOpen: boolean;
}

async function read(path: string): Promise<Content> {
  const entries = new Map<string, OutboxEntry>();
  const text = await readFile(path, "utf8").catch(unlessMissing) ?? "";
  const lines = text.split("\n");
  const torn = lines.pop()!;
  lines.forEach((text, index) => {
    const line = parsed(text);
    if (line === null) throw new Error(`${path}:${index + 1} is no line of an outbox`);
    if ("put" in line) entries.set(line.put.orderId, line.put);
    else line.remove.forEach((id) => entries.delete(id));
  });
  const last = parsed(torn);
  const isOpen = last !== null && "put" in last;
  if (isOpen) entries.set(last.put.orderId, last.put);
  const whole = isOpen ? text : text.slice(0, text.length - torn.length);
  return { entries, wholeBytes: new TextEncoder().encode(whole).byteLength, isOpen };
}

function parsed(text: string): Line | null {
  try {
    const line = JSON.parse(text) as Line | null;
    return typeof line === "object" && line !== null && ("put" in line || "remove" in line)
      ? line
      : null;
  } catch {
    return null;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => null); // Windows opens no folder
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
