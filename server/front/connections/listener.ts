/**
 * The listener: the HTTP server's place on a port, which must not be lost while the process lives.
 *
 * A listener can go deaf: it takes no more connections and tells nobody. Deno 2.9 does so when the
 * process has no descriptor left for one new connection, and stays deaf when there are descriptors
 * again. So the listener calls itself now and then. When the call does not arrive, or when the
 * listener ends though nobody asked, it listens again on the same port. When it cannot for
 * `GIVE_UP_MS`, the process is of no use, and `onLost` is told.
 *
 * Tested in tests/server/front/connections/listener_test.ts and tests/system/door/silent_connections_test.ts.
 */
import type { Server } from "node:http";
import { type AddressInfo, connect, Server as TcpServer } from "node:net";
import { every, type Repeating } from "../../every.ts";
import { describe, getLogger } from "../../telemetry/log.ts";
import { ListenError } from "./listen_error.ts";

const log = getLogger(["weir", "front"]);

const CALL_EVERY_MS = 5_000;
/** A call to itself arrives within milliseconds, in a process that was held up a little later. */
const ARRIVES_MS = 2_000;
/** Where processes share the port, most calls reach another one. So each call has less time. */
const ARRIVES_SHARED_MS = 100;
/** With 24 calls for each process, the chance that all of them reach others is at most e^-24. */
const CALLS_OF_PROCESS = 24;
/** Another process that has taken the port may give it back within this time. */
const GIVE_UP_MS = 30_000;

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** How many processes listen on this port; default 1. The system shares the connections out. */
  readonly processes?: number;
  /** The variable that sets the port; default PORT. */
  readonly variable?: string;
  /** Called once, when the port cannot be listened on any more. */
  readonly onLost: (error: Error) => void;
  /** Default: `CALL_EVERY_MS`. */
  readonly callEveryMs?: number;
  /** Default: `GIVE_UP_MS`. */
  readonly giveUpMs?: number;
}

export interface Listener {
  /** The port that the system chose when `port` was 0. */
  readonly port: number;
  /** How often it has listened again. */
  readonly restarts: number;
  /** Takes no more connections. Those there are go on. */
  stop(): Promise<void>;
}

/** Starts listening. @throws ListenError */
export async function listen(server: Server, options: ListenerOptions): Promise<Listener> {
  await bind(server, options).catch((error) => {
    throw new ListenError(options, error);
  });
  return new KeptListener(server, options, (server.address() as AddressInfo).port);
}

class KeptListener implements Listener {
  restarts = 0;
  #stopped = false;
  /** When the listener was lost, by `performance.now()`; null: it listens. */
  #lostAt: number | null = null;
  readonly #looking: Repeating;

  constructor(readonly server: Server, readonly options: ListenerOptions, readonly port: number) {
    server.on("error", (error) => this.#lost(describe(error)));
    server.on("close", () => this.#lost("it ended"));
    this.#looking = every(options.callEveryMs ?? CALL_EVERY_MS, () => this.#look());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    unbind(this.server);
    await this.#looking.stop();
  }

  async #look(): Promise<void> {
    if (this.#lostAt === null && await this.#isHeard()) return;
    this.#lost("it takes no connection");
    if (!this.#stopped) await this.#listenAgain(this.#lostAt ?? performance.now());
  }

  #lost(why: string): void {
    if (this.#stopped || this.#lostAt !== null) return;
    this.#lostAt = performance.now();
    log.error(`nothing listens on port ${this.port} any more: ${why}; listening again`);
    this.#looking.now();
  }

  async #listenAgain(lostAt: number): Promise<void> {
    const { giveUpMs = GIVE_UP_MS, onLost } = this.options;
    try {
      unbind(this.server);
      await bind(this.server, { ...this.options, port: this.port });
    } catch (error) {
      if (this.#stopped || performance.now() - lostAt < giveUpMs) return;
      this.#stopped = true;
      return onLost(new ListenError({ ...this.options, port: this.port }, error));
    }
    if (this.#stopped) return unbind(this.server);
    this.#lostAt = null;
    this.restarts++;
    log.info(`port ${this.port} is listened on again`);
  }

  /**
   * True when a connection is taken after the beginning of a call to itself. Where other processes
   * listen on the port too, a call may reach them: then the listener is deaf only when
   * `CALLS_OF_PROCESS` calls for each process have all reached others.
   */
  async #isHeard(): Promise<boolean> {
    const { processes = 1 } = this.options;
    if (processes === 1) return await this.#hearsCall(ARRIVES_MS);
    for (let calls = 0; calls < CALLS_OF_PROCESS * processes; calls++) {
      if (this.#stopped) return true;
      if (await this.#hearsCall(ARRIVES_SHARED_MS)) return true;
    }
    return false;
  }

  /**
   * True when a connection is taken within `ms`. A call that cannot even begin proves nothing: this
   * process has no descriptor left, and a new listener would be as deaf.
   */
  async #hearsCall(ms: number): Promise<boolean> {
    const { promise: isOver, resolve: end } = Promise.withResolvers<boolean>();
    const accepted = () => end(true);
    this.server.once("connection", accepted);
    const call = connect({ host: reachable(this.options.host), port: this.port });
    call.on("error", (error) => end(!isRefused(error)));
    const timer = setTimeout(() => end(false), ms);
    const isHeard = await isOver;
    clearTimeout(timer);
    this.server.off("connection", accepted);
    call.destroy();
    return isHeard;
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
}

/** An address under which this machine reaches itself when it listens on `host`. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

function bind(
  server: Server,
  { host, port, processes = 1 }: Pick<ListenerOptions, "host" | "port" | "processes">,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: unknown) => {
      server.off("listening", done);
      reject(error);
    };
    const done = () => {
      server.off("error", failed);
      resolve();
    };
    server.once("error", failed);
    server.once("listening", done);
    server.listen({ host, port, reusePort: processes > 1 });
  });
}

/** Ends listening and nothing else: `close` of an HTTP server would end idle connections, too. */
function unbind(server: Server): void {
  if (server.listening) TcpServer.prototype.close.call(server);
}
