/**
 * The frame rate of one subscriber that wants at most so many frames a second. The first frame comes
 * at once. While it waits for its time, the newest frame replaces the one that waits.
 */

export class FrameRate implements Disposable {
  readonly #everyMs: number;
  #sentAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  /** @param now monotonic, milliseconds. */
  constructor(framesPerSecond: number, readonly now: () => number = () => performance.now()) {
    this.#everyMs = 1_000 / framesPerSecond;
  }

  /** Says that a frame was sent. */
  sent(): void {
    this.#sentAt = this.now();
  }

  /**
   * Does the next step once a frame is due, and resolves with it. A subscription that is over takes no
   * step, and its promise stays open: a place that it took then would be given back by nobody.
   */
  async whenDue(step: () => Promise<void>): Promise<void> {
    for (let waitMs = this.#waitMs(); waitMs > 0; waitMs = this.#waitMs()) {
      await new Promise<void>((resolve) => this.#timer = setTimeout(resolve, Math.ceil(waitMs)));
    }
    await (this.#isOver ? new Promise<void>(() => undefined) : step());
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #waitMs(): number {
    return this.#sentAt + this.#everyMs - this.now();
  }
}
