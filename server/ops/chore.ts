/** Something that is to be done every so often, and of which nobody hears unless it fails. */
import { describe, getLogger } from "../telemetry/log.ts";

const log = getLogger(["weir"]);

export class Chore {
  readonly #timer: ReturnType<typeof setInterval>;
  #underWay: Promise<void> | null = null;

  /** @param what it does, as in "… failed". It is first done after `everyMs`. */
  constructor(readonly what: string, readonly run: () => Promise<unknown>, everyMs: number) {
    this.#timer = setInterval(() => this.#do(), everyMs);
  }

  #do(): void {
    this.#underWay ??= this.run()
      .then(() => undefined, (error) => log.warn(`${this.what} failed: ${describe(error)}`))
      .finally(() => this.#underWay = null);
  }

  /** Does it no more, and resolves when it is not under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#underWay;
  }
}
