/**
 * The budget of large answers: how many bytes of them may be in this process at once.
 *
 * An answer counts from the moment before it is made until its client has read it. The answers of one
 * request share a bound, and so do those of one key, and those of the whole process. What does not
 * fit is refused before any work. A small answer costs what it has, although it might have been large.
 *
 * Few answers are made at once: one page of a request or connection, and two of the process
 * (answer_pace.ts). So a hundred calls in one request do not take every connection to the database,
 * and most of them are refused before they ask it anything. Answers with one order, letter or
 * snapshot have a pace of their own: pages that wait for a silent database hold none of them up.
 */
import { refuse } from "../../../client/contract/refusal.ts";
import { Refused } from "../../../client/contract/refused.ts";
import type { Answers, Slot } from "../../router/context.ts";
import { MAX_PAGE_BYTES } from "../../../sql/orders/page.ts";
import { AnswerPace, type PaceBounds } from "./answer_pace.ts";
import { sizeOf } from "./answer_size.ts";
import { Turns } from "./turns.ts";

export interface AnswerBounds {
  /**
   * The answers of one request. tRPC writes them as one text, and nothing else runs meanwhile. Four
   * full pages fit.
   */
  readonly requestBytes: number;
  /** The answers of one key, so that it leaves room for others even when it reads nothing. */
  readonly keyBytes: number;
  /**
   * All answers of the process. An answer is in memory as objects, as text and as bytes, which is
   * about three times this. So it stays below 200 MiB.
   */
  readonly processBytes: number;
  /** How many pages are made at once, and how soon one follows another. */
  readonly pages: PaceBounds;
  /** The same for answers with one thing. */
  readonly single: PaceBounds;
}

const MIB = 1_048_576;
const WAIT_TIMEOUT_MS = 5_000;

export const ANSWER_BOUNDS: AnswerBounds = {
  requestBytes: 4 * MAX_PAGE_BYTES,
  keyBytes: 16 * MIB,
  processBytes: 64 * MIB,
  // A mebibyte takes the process about 30 ms. So answers take a quarter of its time at the most.
  pages: {
    underWayBytes: 2 * MAX_PAGE_BYTES,
    bytesPerSecond: 4 * MIB,
    burstMs: 20,
    waitTimeoutMs: WAIT_TIMEOUT_MS,
  },
  // They cost little: one row each, or figures that are in memory.
  single: {
    underWayBytes: 8 * MIB,
    bytesPerSecond: Infinity,
    burstMs: 0,
    waitTimeoutMs: WAIT_TIMEOUT_MS,
  },
};

/** An answer is read, and its place free again, within a second or never. */
const FULL_RETRY_MS = 1_000;

export type AnswerRefusal = "payload_too_large" | "queue_full";

/** The size that an answer may have, and its kind. */
interface Wanted {
  readonly mostBytes: number;
  readonly kind: "page" | "single";
}

/** All large answers of one instance. */
export class AnswerBudget {
  readonly #paceOf: Readonly<Record<Wanted["kind"], AnswerPace>>;
  #bytes = 0;
  readonly #bytesOfKey = new Map<string, number>();

  /** @param onRefused called for each answer that did not fit */
  constructor(
    readonly onRefused: (reason: AnswerRefusal) => void = () => undefined,
    readonly bounds: AnswerBounds = ANSWER_BOUNDS,
    now: () => number = () => performance.now(),
  ) {
    this.#paceOf = {
      page: new AnswerPace(bounds.pages, now),
      single: new AnswerPace(bounds.single, now),
    };
  }

  /** Bytes of answers that are being made, or that clients have not read. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The answers of one HTTP request. They count until `close`. */
  ofRequest(): RequestAnswers {
    return new RequestAnswers(this);
  }

  /**
   * The answers of one connection. Each is made once the client has read those before, and counts
   * until the client has read it.
   * @param isGone true when the connection is closed.
   */
  ofConnection(slots: { open(): Slot }, isGone: () => boolean = () => false): Answers {
    const turns = new Turns(null);
    const make = async <T>(keyId: string, wanted: Wanted, make: () => Promise<T>): Promise<T> => {
      const { mostBytes } = wanted;
      if (!await turns.begin(mostBytes)) throw this.full();
      const slot = slots.open();
      let taken: TakenBytes | undefined;
      try {
        await slot.turn();
        slot.sent();
        if (isGone()) throw gone();
        return await this.make(keyId, wanted, make, (bytes) => taken = bytes);
      } finally {
        const made = taken?.bytes ?? 0;
        turns.end(mostBytes - made);
        void whenRead(slot).then(() => {
          taken?.free();
          turns.end(made);
        });
      }
    };
    return answersBy(make);
  }

  /**
   * Makes an answer when its turn comes, if the process and the key have room for it.
   * @param onTaken gets the bytes of the answer before it is made, and frees them once it is read.
   * @throws Refused queue_full
   */
  async make<T>(
    keyId: string,
    { mostBytes, kind }: Wanted,
    make: () => Promise<T>,
    onTaken: (bytes: TakenBytes) => void,
  ): Promise<T> {
    const pace = this.#paceOf[kind];
    if (!await pace.begin(keyId, mostBytes)) throw this.full();
    let made = 0;
    try {
      const ofKey = this.#bytesOfKey.get(keyId) ?? 0;
      const { keyBytes, processBytes } = this.bounds;
      if (ofKey + mostBytes > keyBytes || this.#bytes + mostBytes > processBytes) {
        throw this.full();
      }
      const taken = new TakenBytes((change) => this.#change(keyId, change));
      taken.become(mostBytes);
      try {
        onTaken(taken);
        const answer = await make();
        made = sizeOf(answer);
        return answer;
      } finally {
        taken.become(made);
      }
    } finally {
      pace.end(mostBytes, made);
    }
  }

  full(): Refused {
    return this.refusal("queue_full", "too many large answers are on their way", FULL_RETRY_MS);
  }

  refusal(reason: AnswerRefusal, message: string, retryAfterMs?: number): Refused {
    this.onRefused(reason);
    return new Refused(refuse(reason, message, retryAfterMs));
  }

  #change(keyId: string, bytes: number): void {
    this.#bytes += bytes;
    const ofKey = (this.#bytesOfKey.get(keyId) ?? 0) + bytes;
    if (ofKey > 0) this.#bytesOfKey.set(keyId, ofKey);
    else this.#bytesOfKey.delete(keyId);
  }
}

/** The answers of one HTTP request. */
export class RequestAnswers implements Answers {
  readonly #turns = new Turns(WAIT_TIMEOUT_MS);
  readonly #taken = new Set<TakenBytes>();
  readonly #answers = answersBy((keyId, wanted, make) => this.#make(keyId, wanted, make));
  #closed = false;

  readonly make = this.#answers.make;
  readonly makePage = this.#answers.makePage;

  constructor(readonly budget: AnswerBudget) {}

  /** Bytes of the answers so far. */
  get bytes(): number {
    return [...this.#taken].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async #make<T>(keyId: string, wanted: Wanted, make: () => Promise<T>): Promise<T> {
    const { mostBytes } = wanted;
    if (this.#closed) throw gone();
    if (!await this.#turns.begin(mostBytes)) throw this.#closed ? gone() : this.budget.full();
    try {
      const { requestBytes } = this.budget.bounds;
      if (this.bytes + mostBytes > requestBytes) {
        const message = `the answers of one request must not be over ${requestBytes} bytes: ` +
          "ask for the others in further requests";
        throw this.budget.refusal("payload_too_large", message);
      }
      return await this.budget.make(keyId, wanted, make, (bytes) => {
        if (this.#closed) bytes.free();
        else this.#taken.add(bytes);
      });
    } finally {
      this.#turns.end(mostBytes);
    }
  }

  /** The client has read the answers, or is gone: none is made any more. Legal twice. */
  close(): void {
    this.#closed = true;
    this.#turns.clear();
    for (const bytes of this.#taken) bytes.free();
    this.#taken.clear();
  }
}

type Make = <T>(keyId: string, wanted: Wanted, make: () => Promise<T>) => Promise<T>;

function answersBy(makeOne: Make): Answers {
  return {
    make: (keyId, mostBytes, make) => makeOne(keyId, { mostBytes, kind: "single" }, make),
    makePage: (keyId, make) => makeOne(keyId, { mostBytes: MAX_PAGE_BYTES, kind: "page" }, make),
  };
}

/** Nobody hears it. */
const gone = () => new Refused(refuse("queue_full", "the caller is gone", FULL_RETRY_MS));

/** Bytes that an answer has of the budget. */
class TakenBytes {
  bytes = 0;
  #isFree = false;

  constructor(readonly onChange: (bytes: number) => void) {}

  /** Says how many they are. Nothing is taken once they are free. */
  become(bytes: number): void {
    const now = this.#isFree ? 0 : bytes;
    this.onChange(now - this.bytes);
    this.bytes = now;
  }

  free(): void {
    this.#isFree = true;
    this.become(0);
  }
}

/** Resolves when the client has read what was made before this call, or is gone. */
async function whenRead(slot: Slot): Promise<void> {
  // tRPC hands the answer to the connection in microtasks, and a timer of 0 fires after them.
  await new Promise((resolve) => setTimeout(resolve, 0));
  await slot.turn();
  slot.sent();
}
