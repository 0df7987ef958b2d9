/**
 * Strangers who guess keys: many connections, each of which sends one well-formed token after the
 * other. They run in a thread of their own.
 */
import type { GuessNews, GuessTask } from "../load/workers/guesses.ts";
import { until } from "../services/services.ts";

export class Guesses implements AsyncDisposable {
  readonly #worker: Worker;
  #answers: GuessNews = {};
  #failure: Error | null = null;

  /** Begins to guess. */
  constructor(url: string, readonly connections: number, seed: number) {
    const { hostname: host, port } = new URL(url);
    const worker = new URL("../load/workers/guesses.ts", import.meta.url);
    this.#worker = new Worker(worker, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<GuessNews>) => this.#answers = data;
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#failure = new Error(`the guesses failed: ${event.message}`);
    };
    const task: GuessTask = { host, port: Number(port), connections, seed };
    this.#worker.postMessage(task);
  }

  /** The answers so far, by reason. */
  get answers(): GuessNews {
    if (this.#failure !== null) throw this.#failure;
    return this.#answers;
  }

  /** Resolves when so many more guesses were answered. */
  async answered(count: number): Promise<void> {
    const all = () => Object.values(this.answers).reduce((sum, answers) => sum + answers, 0);
    const before = all();
    await until(`${count} guesses to be answered`, () => all() >= before + count, 60_000);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#worker.terminate();
    return Promise.resolve();
  }
}
