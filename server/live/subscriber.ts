/**
 * One live subscription: a slot that holds the newest frame not yet sent.
 *
 * A slow reader never makes a queue: a newer frame replaces the one in the slot, until the moment
 * when the connection can take one. Nothing older than what was sent, or than what the subscriber
 * has seen before it came here, ever leaves.
 */
import { compareFigures, comparePositions, type Frame, type Position } from "./snapshot.ts";
import type { SnapshotSource } from "../../client/contract/snapshot.ts";

/** What is sent next. */
export interface Outgoing {
  readonly frame: Frame;
  readonly source: SnapshotSource;
}

export class Subscriber {
  #slot: Outgoing | null = null;
  #sent: Frame | null = null;
  #wake: (() => void) | null = null;
  #ended = false;

  /**
   * @param floor what the subscriber has seen elsewhere; nothing below it is sent.
   * @param turn asked for once there is a frame; resolves when the connection can take it.
   */
  constructor(
    readonly floor: Position | null,
    readonly onSkipped: () => void,
    readonly turn: () => Promise<void> = () => Promise.resolve(),
  ) {}

  /**
   * Puts a frame into the slot, unless it is not newer than what was sent. `again` lets an equal one
   * through, for when something beside the figures changed.
   */
  offer(outgoing: Outgoing, again = false): void {
    const { figures } = outgoing.frame;
    if (this.floor !== null && comparePositions(figures, this.floor) < 0) return;
    const newest = this.#slot?.frame ?? this.#sent;
    if (newest !== null) {
      const order = compareFigures(figures, newest.figures);
      if (order < 0 || (order === 0 && !again)) return;
    }
    if (this.#slot !== null) this.onSkipped();
    this.#slot = outgoing;
    this.#wake?.();
  }

  /** Ends `next`, now or when it is called. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The next frame to send; null when the subscription has ended. */
  async next(): Promise<Outgoing | null> {
    while (this.#slot === null && !this.#ended) await this.#change();
    if (!this.#ended) await this.#turnOrEnd();
    const outgoing = this.#ended ? null : this.#slot;
    this.#slot = null;
    if (outgoing !== null) this.#sent = outgoing.frame;
    return outgoing;
  }

  /** Not a race of promises: one with the end would leave something behind at each frame. */
  async #turnOrEnd(): Promise<void> {
    let isTurn = false;
    void this.turn().then(() => {
      isTurn = true;
      this.#wake?.();
    });
    while (!isTurn && !this.#ended) await this.#change();
  }

  /** Resolves at the next frame, turn or end. */
  async #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = null;
  }
}
