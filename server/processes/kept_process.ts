/**
 * One process of a service, which is started again whenever it ends by itself: first after a quarter
 * of a second, then with growing pauses. A process that exits before it was ever ready is not started
 * again: its settings are wrong, and its last line says which. A process that was killed by a signal is
 * always started again.
 *
 * Tested in tests/system/process/processes_test.ts.
 */
import { pause, settlesWithin } from "../../sql/waiting.ts";
import { howEnded, ProcessFailed, signalled } from "../child_process.ts";
import { describe, getLogger } from "../telemetry/log.ts";

const log = getLogger(["weir", "processes"]);

const RESTART_MIN_MS = 250;
const RESTART_MAX_MS = 10_000;
/** A process that has run for this time is started again after the shortest pause. */
const STEADY_MS = 60_000;

export class KeptProcess {
  restarts = 0;
  #isReady = false;
  #child: Deno.ChildProcess | null = null;
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;

  /** @param onFailed called when the process exits before it was ever ready */
  constructor(
    readonly number: string,
    readonly command: Deno.Command,
    readonly onFailed: (error: ProcessFailed) => void,
  ) {
    this.#running = this.#run();
  }

  /** From now on an end is mended, and fails nothing. */
  ready(): void {
    this.#isReady = true;
  }

  /** Ends the process in order, by force after `timeoutMs`. Legal twice. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopped.abort();
    const child = this.#child;
    if (child !== null && signalled(child, "SIGTERM")) {
      if (!await settlesWithin(timeoutMs, child.status)) {
        log.error(`process ${this.number} did not stop in ${timeoutMs} ms: killing it`);
        signalled(child, "SIGKILL");
      }
    }
    await this.#running;
  }

  /** Ends the process now. */
  kill(): void {
    this.#stopped.abort();
    if (this.#child !== null) signalled(this.#child, "SIGKILL");
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let pauseMs = RESTART_MIN_MS;
    for (;;) {
      const startedAt = performance.now();
      const { end, isFailure } = await this.#once();
      if (signal.aborted) return;
      if (!this.#isReady && isFailure) {
        return this.onFailed(new ProcessFailed(`${end} before it was ready`));
      }
      if (performance.now() - startedAt > STEADY_MS) pauseMs = RESTART_MIN_MS;
      log.error(`${end}; starting it again in ${pauseMs} ms`);
      await pause(pauseMs, signal);
      if (signal.aborted) return;
      pauseMs = Math.min(2 * pauseMs, RESTART_MAX_MS);
      this.restarts++;
    }
  }

  /** Runs the process to its end. A failure is one that comes again at the next start. */
  async #once(): Promise<{ end: string; isFailure: boolean }> {
    try {
      this.#child = this.command.spawn();
    } catch (error) {
      return { end: `process ${this.number} did not start (${describe(error)})`, isFailure: true };
    }
    const status = await this.#child.status;
    this.#child = null;
    return { end: `process ${this.number} ${howEnded(status)}`, isFailure: status.signal === null };
  }
}
