/**
 * A gentle caller: it places 20 orders a second with one key, from a thread and on connections of
 * its own. Tests of a fault look at what the fault costs it:
 *
 *     await using gentle = await Gentle.start({ url, token });
 *     const quiet = await gentle.quiet();
 *     const underFire = await gentle.during(async () => { … });
 *     expectGentle(quiet, underFire);
 *
 * Answers are timed from the sending of each order, and no order waits for the one before.
 */
import { assertEquals, assertLessOrEqual } from "@std/assert";
import type { GentleNews, GentlePhase, GentleTask } from "./workers/gentle.ts";

export interface GentleFigures {
  readonly orders: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The number of orders that were not acknowledged, by reason; `no answer` where none came. */
  readonly refusals: Readonly<Record<string, number>>;
}

type GentleOptions = Pick<GentleTask, "url" | "token"> & Partial<GentleTask>;

/** The orders of a quiet phase: ten seconds at the usual rate. */
const QUIET_ORDERS = 200;
/** A p99 of at most this is never called slow: a busy machine causes as much without any fault. */
const NOISE_MS = 50;

/** The answers of the orders that were sent in one phase. */
interface Phase {
  readonly times: number[];
  readonly refusals: Record<string, number>;
  /** The orders that were sent; null while the phase goes on. */
  sent: number | null;
}

export class Gentle implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #phases: Phase[] = [aPhase()];
  #failure: Error | null = null;
  /** Wakes whoever waits for answers. */
  #news = Promise.withResolvers<void>();

  private constructor(task: GentleTask) {
    const worker = new URL("./workers/gentle.ts", import.meta.url);
    this.#worker = new Worker(worker, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<GentleNews>) => this.#hear(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#failure = new Error(`the gentle caller failed: ${event.message}`);
      this.#wake();
    };
    this.#worker.postMessage(task);
  }

  /** Begins to place orders. Resolves when the first ones are acknowledged, on warm connections. */
  static async start(options: GentleOptions): Promise<Gentle> {
    const gentle = new Gentle({ storeId: "gentle", ratePerSecond: 20, ...options });
    await gentle.quiet(20);
    return gentle;
  }

  /** The figures of the next `orders` orders. */
  quiet(orders = QUIET_ORDERS): Promise<GentleFigures> {
    return this.during((answers) => answers(orders));
  }

  /**
   * The figures of all orders that are sent while `work` runs.
   * @param work is given a function that resolves when so many of these orders are answered
   */
  async during(
    work: (answers: (orders: number) => Promise<void>) => Promise<unknown>,
  ): Promise<GentleFigures> {
    const phase = this.#begin();
    await work((orders) => this.#until(() => phase.times.length >= orders));
    this.#begin();
    await this.#until(() => phase.times.length === phase.sent);
    return figuresOf(phase);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#worker.terminate();
    return Promise.resolve();
  }

  #begin(): Phase {
    const phase = aPhase();
    const message: GentlePhase = { phase: this.#phases.push(phase) - 1 };
    this.#worker.postMessage(message);
    return phase;
  }

  #hear(news: GentleNews): void {
    const phase = this.#phases[news.phase]!;
    if (news.kind === "ended") phase.sent = news.sent;
    else {
      phase.times.push(news.ms);
      if (news.reason !== null) {
        phase.refusals[news.reason] = (phase.refusals[news.reason] ?? 0) + 1;
      }
    }
    this.#wake();
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#failure !== null) throw this.#failure;
      await this.#news.promise;
    }
  }
}

/**
 * Checks that a fault did not cost the gentle caller much: no order refused, and a p99 of at most
 * `times` times the quiet one, or of `NOISE_MS`.
 */
export function expectGentle(quiet: GentleFigures, underFire: GentleFigures, times = 3): void {
  const figures = `quiet ${JSON.stringify(quiet)}, under fire ${JSON.stringify(underFire)}`;
  assertEquals(underFire.refusals, {}, figures);
  assertLessOrEqual(underFire.p99Ms, Math.max(NOISE_MS, times * quiet.p99Ms), figures);
}

function aPhase(): Phase {
  return { times: [], refusals: {}, sent: null };
}

function figuresOf({ times, refusals }: Phase): GentleFigures {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { orders: times.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), refusals };
}
