/**
 * The supervisor keeps one child process running: PostgreSQL or Redis.
 *
 * The first start picks a free port of 127.0.0.1. The process may end before it answers: another
 * program took the port, or memory of a killed predecessor is still in use. Then the supervisor tries
 * a few more times with other ports. Later the port stays, because clients hold its URL. When the
 * process ends by itself it is started again on that port, first after a second, then with growing
 * pauses.
 *
 * The child is in a session of its own, so that Ctrl-C in a terminal reaches Weir alone, which needs
 * its database until it has stopped. The child is stopped through its handle. Its process id would
 * not do, because the system may have given it to another process.
 */
import {
  EmbeddedError,
  type EmbeddedEventKind,
  type EmbeddedService,
  messageOf,
  type OnEmbeddedEvent,
} from "./embedded_event.ts";
import type { EmbeddedServer } from "./embedded_server.ts";
import { ServiceLog } from "./service_log.ts";
import { howEnded, signalled } from "../child_process.ts";
import { pause, settlesWithin } from "../../sql/waiting.ts";

export interface ServiceSpec {
  readonly service: EmbeddedService;
  /** Its name in messages. */
  readonly title: string;
  /** The place of its data, for messages. */
  readonly dataPath: string;
  readonly logPath: string;
  urlOf(port: number): string;
  /** Called before each start: stops a verified predecessor and removes its traces. */
  prepare(): Promise<void>;
  /** The process for this port. */
  command(port: number, options: Deno.CommandOptions): Deno.Command;
  /** True when the process answers a real request; false while it starts. */
  answers(port: number): Promise<boolean>;
  /** Tells the process to end in order. */
  readonly stopSignal: Deno.Signal;
}

export interface SuperviseOptions {
  /** Start the process again when it ends by itself. */
  readonly restart: boolean;
  readonly onEvent: OnEmbeddedEvent;
}

const FIRST_STARTS = 6;
const FIRST_START_PAUSE_MS = 150;
/** A recovery may take this long, as long as the process lives. */
const READY_TIMEOUT_MS = 300_000;
const READY_POLL_MS = 15;
const STOP_TIMEOUT_MS = 15_000;
const LAST_WORDS_MS = 300;
const RESTART_MIN_MS = 1_000;
const RESTART_MAX_MS = 30_000;
/** A process that has run for this time is started again after the shortest pause. */
const STEADY_MS = 60_000;

/** Starts the service and resolves when it answers. @throws EmbeddedError */
export async function supervise(
  spec: ServiceSpec,
  options: SuperviseOptions,
): Promise<EmbeddedServer> {
  const supervisor = new Supervisor(spec, options);
  await supervisor.begin();
  const { port } = supervisor;
  return {
    url: spec.urlOf(port),
    port,
    get pid() {
      return supervisor.pid;
    },
    stop: () => supervisor.stop(),
  };
}

class Supervisor {
  readonly #log: ServiceLog;
  readonly #stopped = new AbortController();
  #child: Deno.ChildProcess | undefined;
  #port = 0;
  #copied: Promise<unknown> = Promise.resolve();
  #watching: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(readonly spec: ServiceSpec, readonly options: SuperviseOptions) {
    this.#log = new ServiceLog(spec.logPath);
  }

  get port(): number {
    return this.#port;
  }

  /** The process that runs now; 0 while there is none. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Makes the first start, then watches the process. */
  async begin(): Promise<void> {
    for (let attempt = 1;; attempt++) {
      this.#port = freePort();
      try {
        const child = await this.#launch();
        this.#watching = this.#watch(child);
        return;
      } catch (error) {
        if (attempt === FIRST_STARTS || !(error instanceof StartFailed)) {
          await this.#log.close();
          throw this.#refusal(error);
        }
        this.#say("retrying", `${this.spec.title} does not start: ${error.message}; trying again`);
        await pause(FIRST_START_PAUSE_MS * 2 ** (attempt - 1), this.#stopped.signal);
      }
    }
  }

  /** Ends the process in order, by force after 15 s. Legal twice, and at any time. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#stopped.abort();
    if (this.#child) await this.#end(this.#child);
    await this.#watching;
    await this.#lastWords();
    await this.#log.close();
    this.#say("stopped", `${this.spec.title} is stopped`);
  }

  /** One process, from its spawn to its first answer. @throws StartFailed */
  async #launch(): Promise<Deno.ChildProcess> {
    await this.spec.prepare();
    this.#log.mark();
    const child = this.spec.command(this.#port, {
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
    this.#copied = Promise.all([this.#log.follow(child.stdout), this.#log.follow(child.stderr)]);
    let exit: Deno.CommandStatus | undefined;
    const exited = child.status.then((status) => exit = status);
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (!await this.spec.answers(this.#port) || exit) {
      await settlesWithin(READY_POLL_MS, exited);
      if (exit) {
        await this.#lastWords();
        throw new StartFailed(`it ${howEnded(exit)}: ${this.#log.reason}`);
      }
      if (this.#stopped.signal.aborted || performance.now() > deadline) {
        await this.#end(child);
        throw new StartFailed("it did not answer in time");
      }
    }
    this.#child = child;
    this.#say("ready", `${this.spec.title} answers on 127.0.0.1:${this.#port} (pid ${child.pid})`);
    return child;
  }

  /** Starts the next process when this one ends, unless `stop` ended it. */
  async #watch(first: Deno.ChildProcess): Promise<void> {
    let child: Deno.ChildProcess | undefined = first;
    let pauseMs = RESTART_MIN_MS;
    while (child) {
      const startedAt = performance.now();
      const status: Deno.CommandStatus = await child.status;
      this.#child = undefined;
      if (this.#stopped.signal.aborted) return;
      if (performance.now() - startedAt > STEADY_MS) pauseMs = RESTART_MIN_MS;
      await this.#lastWords();
      const why = `${this.spec.title} ${howEnded(status)}: ${this.#log.reason}`;
      this.#say("exited", `${why} (log: ${this.spec.logPath})`);
      if (!this.options.restart) return;
      child = undefined;
      while (!child) {
        await pause(pauseMs, this.#stopped.signal);
        if (this.#stopped.signal.aborted) return;
        pauseMs = Math.min(pauseMs * 2, RESTART_MAX_MS);
        child = await this.#relaunch(pauseMs);
      }
    }
  }

  async #relaunch(nextMs: number): Promise<Deno.ChildProcess | undefined> {
    try {
      return await this.#launch();
    } catch (error) {
      if (this.#stopped.signal.aborted) return undefined;
      const why = `${this.spec.title} does not start: ${messageOf(error)}`;
      this.#say("retrying", `${why}; trying again in ${nextMs} ms`);
      return undefined;
    }
  }

  /** Lets the log catch up. Children of a killed server may hold the pipe open for longer. */
  async #lastWords(): Promise<void> {
    await settlesWithin(LAST_WORDS_MS, this.#copied);
  }

  async #end(child: Deno.ChildProcess): Promise<void> {
    if (!signalled(child, this.spec.stopSignal)) return;
    if (!await settlesWithin(STOP_TIMEOUT_MS, child.status)) {
      this.#say("retrying", `${this.spec.title} did not stop in ${STOP_TIMEOUT_MS} ms: killing it`);
      signalled(child, "SIGKILL");
    }
    await child.status;
  }

  #refusal(error: unknown): EmbeddedError {
    if (error instanceof EmbeddedError) return error;
    const { title, dataPath, logPath } = this.spec;
    return new EmbeddedError(
      `${title} does not start on ${dataPath}: ${messageOf(error)} (log: ${logPath})`,
      { cause: error },
    );
  }

  #say(kind: EmbeddedEventKind, message: string): void {
    this.options.onEvent({ service: this.spec.service, kind, message });
  }
}

/** The process ended before it answered. Another start may succeed. */
class StartFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = "StartFailed";
  }
}

/** A port that is free now. Another process may still take it first. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
