/**
 * A subscriber: one live subscription, with the newest frame that it has not been sent yet.
 *
 * A slow reader makes no queue. A newer frame replaces the one that waits, until the connection can
 * take a frame. A subscriber is never sent a frame older than the last one, or older than what it saw
 * before it subscribed here.
 */
import type { SnapshotSource } from "../../client/contract/snapshot.ts";
import { compareFigures, comparePositions, type Frame, type Position } from "./snapshot.ts";

/** A frame on its way to a subscriber. */
export interface Outgoing {
  readonly frame: Frame;
  readonly source: SnapshotSource;
}

export class Subscriber {
  /** The newest frame, if it has not been sent. */
  #newest: Outgoing | null = null;
  #sent: Frame | null = null;
  #wake: (() => void) | null = null;
  #ended = false;

  /**
   * @param floor the position that the subscriber has seen elsewhere; nothing below it is sent.
   * @param onSkipped called for each frame that a newer one has replaced.
   * @param readyToSend called when there is a frame; resolves when the connection can take it.
   */
  constructor(
    readonly floor: Position | null,
    readonly onSkipped: () => void,
    readonly readyToSend: () => Promise<void> = () => Promise.resolve(),
  ) {}

  /**
   * Offers a frame, which is ignored unless it is newer than the last one. With `again` an equal
   * frame is sent too, because something beside the figures has changed.
   */
  offer(outgoing: Outgoing, again = false): void {
    const { figures } = outgoing.frame;
    if (this.floor !== null && comparePositions(figures, this.floor) < 0) return;
    const last = this.#newest?.frame ?? this.#sent;
    if (last !== null) {
      const order = compareFigures(figures, last.figures);
      if (order < 0 || (order === 0 && !again)) return;
    }
    if (this.#newest !== null) this.onSkipped();
    this.#newest = outgoing;
    this.#wake?.();
  }

  /** Ends the subscription: `next` answers null, now and later. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The next frame to send; null when the subscription has ended. */
  async next(): Promise<Outgoing | null> {
    while (this.#newest === null && !this.#ended) await this.#change();
    if (!this.#ended) await this.#readyOrEnd();
    const outgoing = this.#ended ? null : this.#newest;
    this.#newest = null;
    if (outgoing !== null) this.#sent = outgoing.frame;
    return outgoing;
  }

  /** Not `Promise.race`: racing with the end would leave one more handler behind for each frame. */
  async #readyOrEnd(): Promise<void> {
    let isReady = false;
    void this.readyToSend().then(() => {
      isReady = true;
      this.#wake?.();
    });
    while (!isReady && !this.#ended) await this.#change();
  }

  /** Resolves at the next frame, at the end, or when the connection is ready. */
  async #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = null;
  }
}
