/**
 * The link of a process to the supervisor that has started it. The process says when it is ready,
 * gives its metrics, and ends in order when the supervisor is gone, also after a SIGKILL.
 *
 * The address of the link is WEIR_SUPERVISOR. It ends with a token of this run and the number of the
 * process, so that no other program can take part.
 *
 * Tested in tests/system/process/processes_test.ts.
 */
import { answerWithin } from "../../sql/waiting.ts";
import type { Scraped } from "../front/metrics_door.ts";
import { call, textAt } from "./loopback.ts";

/** Where a process gives its own metrics; a part of its word that it listens. */
export interface Listens {
  readonly metricsUrl: string;
}

/** A process that takes orders says whether the database has a key in force; null: it does not know. */
export interface IsReady {
  readonly hasKeys: boolean | null;
}

const ANSWER_MS = 5_000;

export class SupervisorLink {
  readonly #ended = Promise.withResolvers<void>();
  #metrics: Deno.HttpServer<Deno.NetAddr> | null = null;

  /** @param address the value of WEIR_SUPERVISOR */
  constructor(readonly address: string) {}

  /** Resolves when the supervisor is gone. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** The metrics of all processes, as the supervisor gathers them. */
  async metricsOfAll(): Promise<string> {
    return await answerWithin(
      ANSWER_MS,
      textAt(this.address.replace(/\/\d+$/, "/metrics")),
      () => new Error("the supervisor gives no metrics"),
    );
  }

  /** Says that this process listens, and holds on to the supervisor. @param own its own metrics */
  async join(own: Scraped): Promise<void> {
    const path = `/${crypto.randomUUID()}`;
    this.#metrics = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, (
      { url },
    ) =>
      new URL(url).pathname === path
        ? own.metrics().then((text) => new Response(text))
        : new Response("not found\n", { status: 404 }));
    const said: Listens = { metricsUrl: `http://127.0.0.1:${this.#metrics.addr.port}${path}` };
    const held = await call(this.address, said);
    held.once("close", () => this.#ended.resolve()).resume();
  }

  /** Says that this process takes orders. */
  async ready(hasKeys: () => Promise<boolean>): Promise<void> {
    const said: IsReady = { hasKeys: await hasKeys().catch(() => null) };
    (await call(`${this.address}/ready`, said)).resume();
  }

  /** Gives no metrics any more. */
  async close(): Promise<void> {
    await this.#metrics?.shutdown();
  }
}
