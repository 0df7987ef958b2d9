/**
 * Reads of API keys, many with one statement: while one statement is under way further tokens gather,
 * and the next statement asks for them. So one connection answers more tokens than the door can take.
 *
 * A database that has not answered for a while is silent. That is counted in turns of the process
 * and not in time alone: a process that is busy has not got round to the answer that lies there.
 */
import type { KeyInForce } from "../../../sql/api_keys.ts";
import { pause } from "../../../sql/waiting.ts";

/** The database's answer about a token. */
export interface KeyAnswer {
  /** Null: there is no such key in force. */
  readonly key: KeyInForce | null;
  /** The moment from which the answer speaks, by `now`: its statement was sent then. */
  readonly askedAt: number;
}

/** A read that waits for its statement or is part of it. Callers of one token share it. */
export interface KeyRead {
  /** @throws the failure of the statement */
  readonly answer: Promise<KeyAnswer>;
  /** The answer, or null as soon as the database is silent. @throws as `answer` */
  readonly soon: Promise<KeyAnswer | null>;
}

export interface KeyReadsOptions {
  /** Reads the database; null for each token without a key in force. */
  readonly findKeys: (tokens: readonly string[]) => Promise<readonly (KeyInForce | null)[]>;
  /** Called with each answer, before anybody who waits for it. */
  readonly onAnswer: (token: string, answer: KeyAnswer) => void;
  /** Called when the read of so many tokens has failed. */
  readonly onFailure: (tokens: number) => void;
  /** The most tokens that wait for a statement. */
  readonly maxWaiting: number;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

/** The most tokens of one statement: about a millisecond of the database. */
const MAX_TOKENS = 500;
/** A database that says nothing for so many turns of so many milliseconds is silent. */
const SILENT_TURNS = 10;
const TURN_MS = 25;

export class KeyReads {
  readonly #waiting = new Map<string, Read>();
  /** The tokens of the statement under way. */
  #asked: ReadonlyMap<string, Read> = new Map();
  #isReading = false;
  #isSilent = false;

  constructor(readonly options: KeyReadsOptions) {}

  /** Reads a token, or joins a read of it. @returns null when too many tokens wait */
  read(token: string): KeyRead | null {
    const joined = this.#asked.get(token) ?? this.#waiting.get(token);
    if (joined !== undefined) return joined;
    if (this.#waiting.size >= this.options.maxWaiting) return null;
    const read = new Read();
    if (this.#isSilent) read.silent();
    this.#waiting.set(token, read);
    if (!this.#isReading) void this.#run();
    return read;
  }

  async #run(): Promise<void> {
    this.#isReading = true;
    while (this.#waiting.size > 0) {
      const asked = new Map([...this.#waiting].slice(0, MAX_TOKENS));
      for (const token of asked.keys()) this.#waiting.delete(token);
      this.#asked = asked;
      await this.#ask(asked);
    }
    this.#isReading = false;
  }

  async #ask(asked: ReadonlyMap<string, Read>): Promise<void> {
    const { findKeys, onAnswer, onFailure, now } = this.options;
    const askedAt = now();
    const answered = new AbortController();
    void this.#listen(answered.signal);
    try {
      const keys = await findKeys([...asked.keys()]);
      [...asked].forEach(([token, read], index) => {
        const answer = { key: keys[index] ?? null, askedAt };
        onAnswer(token, answer);
        read.succeed(answer);
      });
    } catch (error) {
      // The tokens that wait would meet the same failure, one statement later.
      const failed = [...asked.values(), ...this.#waiting.values()];
      this.#waiting.clear();
      onFailure(failed.length);
      for (const read of failed) read.fail(error);
    }
    answered.abort();
    this.#isSilent = false;
    this.#asked = new Map();
  }

  /** Tells every caller when the database is silent. */
  async #listen(answered: AbortSignal): Promise<void> {
    for (let turn = 0; turn < SILENT_TURNS; turn++) {
      await pause(TURN_MS, answered);
      if (answered.aborted) return;
    }
    this.#isSilent = true;
    for (const read of [...this.#asked.values(), ...this.#waiting.values()]) read.silent();
  }
}

class Read implements KeyRead {
  readonly #answer = Promise.withResolvers<KeyAnswer>();
  readonly #soon = Promise.withResolvers<KeyAnswer | null>();

  constructor() {
    this.answer.catch(() => undefined); // perhaps nobody waits
    this.soon.catch(() => undefined);
  }

  get answer(): Promise<KeyAnswer> {
    return this.#answer.promise;
  }

  get soon(): Promise<KeyAnswer | null> {
    return this.#soon.promise;
  }

  succeed(answer: KeyAnswer): void {
    this.#answer.resolve(answer);
    this.#soon.resolve(answer);
  }

  fail(error: unknown): void {
    this.#answer.reject(error);
    this.#soon.reject(error);
  }

  silent(): void {
    this.#soon.resolve(null);
  }
}
