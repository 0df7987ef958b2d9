/**
 * The switchboard: the address on loopback where the processes of a service report to their
 * supervisor, and where the metrics of all are gathered. Its paths begin with a random token.
 *
 * - `POST /<token>/<number>` says that a process listens. The answer is held open: its end tells the
 *   process that the supervisor is gone.
 * - `POST /<token>/<number>/ready` says that it takes orders.
 * - `GET /<token>/metrics` has the metrics of all.
 *
 * Tested in tests/system/process/processes_test.ts.
 */
import { answerWithin } from "../../sql/waiting.ts";
import { textAt } from "./loopback.ts";
import { mergedMetrics } from "./merged_metrics.ts";
import type { IsReady, Listens } from "./supervisor_link.ts";

/** The supervisor hears of each process by its number. */
export interface Hearing {
  listens(number: string): void;
  isReady(number: string, said: IsReady): void;
}

/** A process that does not answer within this time is left out, and `weir_process_up` says so. */
const SCRAPE_MS = 2_000;

export class Switchboard {
  readonly #token = crypto.randomUUID();
  readonly #held = new Set<ReadableStreamDefaultController<Uint8Array>>();
  /** Where each process gives its metrics, by its number. */
  readonly #metricsUrls = new Map<string, string>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** @param restarts how often each process was started again, by its number */
  constructor(readonly hearing: Hearing, readonly restarts: () => ReadonlyMap<string, number>) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
      (request) => this.#answer(request),
    );
  }

  /** The value of WEIR_SUPERVISOR for a process. */
  addressOf(number: string): string {
    return `http://127.0.0.1:${this.#server.addr.port}/${this.#token}/${number}`;
  }

  /** The metrics of all processes that answer, and of the supervisor. */
  async metrics(): Promise<string> {
    const numbers = [...this.restarts().keys()];
    const texts = await Promise.all(numbers.map((number) => this.#scrape(number)));
    const answered = new Map<string, string>();
    numbers.forEach((number, index) => {
      if (texts[index] !== null) answered.set(number, texts[index]!);
    });
    const up = numbers.map((number) =>
      `weir_process_up{process="${number}"} ${answered.has(number) ? 1 : 0}`
    );
    const restarts = Array.from(
      this.restarts(),
      ([number, times]) => `weir_process_restarts_total{process="${number}"} ${times}`,
    );
    return [
      mergedMetrics(answered),
      "# HELP weir_process_up 1 when the process answers the supervisor.",
      "# TYPE weir_process_up gauge",
      ...up,
      "",
      "# HELP weir_process_restarts_total How often the process was started again.",
      "# TYPE weir_process_restarts_total counter",
      ...restarts,
      "",
    ].join("\n");
  }

  /** Lets go of all processes. */
  async close(): Promise<void> {
    for (const held of this.#held) held.close();
    this.#held.clear();
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const [, token, name = "", detail] = new URL(request.url).pathname.split("/");
    if (token !== this.#token) return new Response("not found\n", { status: 404 });
    if (name === "metrics") return new Response(await this.metrics());
    if (detail === "ready") {
      this.hearing.isReady(name, await request.json() as IsReady);
      return new Response("ok\n");
    }
    const { metricsUrl } = await request.json() as Listens;
    this.#metricsUrls.set(name, metricsUrl);
    this.hearing.listens(name);
    return this.#hold();
  }

  /** An answer without an end. */
  #hold(): Response {
    let own: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        this.#held.add(controller);
        controller.enqueue(new TextEncoder().encode("\n")); // the head goes out with the first byte
      },
      cancel: () => void this.#held.delete(own),
    });
    return new Response(body);
  }

  async #scrape(number: string): Promise<string | null> {
    const url = this.#metricsUrls.get(number);
    if (url === undefined) return null;
    try {
      return await answerWithin(SCRAPE_MS, textAt(url), () => new Error("no metrics in time"));
    } catch {
      return null; // it has ended, or does not answer
    }
  }
}
