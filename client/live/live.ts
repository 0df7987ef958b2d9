/**
 * Live figures: one subscription to the dashboard of a store or of all, which connects again and resumes
 * by itself. Whoever shows the figures takes them as a state with a listener (React, Vue, Svelte), or as
 * an async iterator.
 *
 * The subscription begins with the first who listens and ends a moment after the last has gone.
 *
 * Tested in tests/client/live/live_test.ts.
 */
import { type WeirError, weirErrorOf } from "../api/weir_error.ts";
import { backoffMs, type Clock } from "../clock.ts";
import { Listeners, tellOne } from "../listeners.ts";
import { afterFrame, afterLoss, CONNECTING, type LiveState } from "./live_state.ts";
import type { Snapshot } from "../contract/mod.ts";
import type { PageVisibility } from "./page_visibility.ts";

/** The figures that are asked for. */
export interface LiveScope {
  /** Left out: all stores together. */
  readonly storeId?: string | undefined;
  /** The most frames a second, 0.1 to 60. Left out: each one as soon as it can be sent. */
  readonly maxFramesPerSecond?: number | undefined;
}

/** The handlers of a subscription. */
export interface LiveHandlers {
  readonly onSnapshot: (snapshot: Snapshot, eventId: string) => void;
  /** The connection is lost, and the transport makes it anew by itself. */
  readonly onLost: (error: WeirError | null) => void;
  readonly onError: (error: unknown) => void;
  /** The server has ended the subscription. */
  readonly onComplete: () => void;
}

/** Asks for frames after `lastEventId`. @returns ends the subscription */
export type SubscribeToLive = (
  lastEventId: string | null,
  handlers: LiveHandlers,
) => () => void;

export interface LiveParts {
  readonly subscribe: SubscribeToLive;
  readonly clock: Clock;
  readonly visibility: PageVisibility;
  /** The server has refused the token. @returns true when another one may be had */
  readonly onTokenRefused: () => boolean;
}

/** React takes a listener off and puts it on again when it draws anew. */
const LINGER_MS = 1_000;

export class Live implements AsyncIterable<LiveState> {
  #state = CONNECTING;
  readonly #listeners = new Listeners<LiveState>();
  /** Ends the subscription; null: there is none. */
  #end: (() => void) | null = null;
  #stopTimer: (() => void) | null = null;
  #stopWatching: (() => void) | null = null;
  #lastEventId: string | null = null;
  #failures = 0;
  #tokensRefused = 0;
  #isClosed = false;

  constructor(readonly parts: LiveParts) {}

  /** The state of now. The same object until it changes, as `useSyncExternalStore` wants it. */
  readonly getState = (): LiveState => this.#state;

  /**
   * Calls `listener` with the state, at once and after each change.
   * @returns ends that
   */
  readonly subscribe = (listener: (state: LiveState) => void): () => void => {
    const takeOff = this.#listeners.add(listener);
    // Somebody new may have a new token.
    if (this.#state.status !== "refused" || this.#listeners.size === 1) this.#resume();
    tellOne(listener, this.#state);
    return () => {
      takeOff();
      if (this.#listeners.size === 0 && !this.#isClosed) this.#restSoon();
    };
  };

  /** Yields the state of now, and then the newest after each change. @throws WeirError when refused */
  async *[Symbol.asyncIterator](): AsyncGenerator<LiveState, void> {
    const unseen: LiveState[] = [];
    let wake: () => void = () => undefined;
    const end = this.subscribe((state) => {
      unseen[0] = state;
      wake();
    });
    try {
      for (;;) {
        const state = unseen.pop();
        if (this.#isClosed) return;
        if (state?.status === "refused") throw state.error!;
        if (state !== undefined) yield state;
        else await new Promise<void>((resolve) => wake = resolve);
      }
    } finally {
      end();
    }
  }

  /** Ends the subscription for good. Iterators end. */
  close(): void {
    this.#isClosed = true;
    this.#stopWatching?.();
    this.#rest();
    this.#tell(this.#state);
    this.#listeners.clear();
  }

  /** Subscribes anew, such as by another way. */
  restart(): void {
    if (this.#end === null && this.#state.status !== "refused") return;
    this.#endSubscription();
    this.#begin();
  }

  #resume(): void {
    if (this.#isClosed) return;
    if (this.#state.status === "refused") this.#change(afterLoss(this.#state, null));
    this.#stopTimer?.();
    this.#stopTimer = null;
    this.#stopWatching ??= this.parts.visibility.watch(() => this.#visibilityChanged());
    if (this.#end === null) this.#begin();
  }

  #visibilityChanged(): void {
    if (this.parts.visibility.isHidden) {
      this.#stopTimer?.();
      this.#stopTimer = null;
      this.#endSubscription();
    } else if (this.#listeners.size > 0) {
      this.#resume();
    }
  }

  #restSoon(): void {
    this.#stopTimer?.();
    this.#stopTimer = this.parts.clock.after(LINGER_MS, () => this.#rest());
  }

  #rest(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
    this.#stopWatching?.();
    this.#stopWatching = null;
    this.#endSubscription();
  }

  #endSubscription(): void {
    const end = this.#end;
    this.#end = null;
    if (end === null) return;
    end();
    this.#change(afterLoss(this.#state, null));
  }

  #begin(): void {
    if (this.parts.visibility.isHidden) return;
    let isOver = false;
    const stop = this.parts.subscribe(this.#lastEventId, {
      onSnapshot: (snapshot, eventId) => {
        if (isOver) return;
        this.#failures = 0;
        this.#tokensRefused = 0;
        this.#lastEventId = eventId;
        this.#change(afterFrame(snapshot));
      },
      onLost: (error) => {
        if (isOver) return;
        this.#change(afterLoss(this.#state, error));
      },
      onError: (error) => {
        if (isOver) return;
        isOver = true;
        this.#failed(weirErrorOf(error));
      },
      onComplete: () => {
        if (isOver) return;
        isOver = true;
        this.#again(null);
      },
    });
    this.#end = () => {
      isOver = true;
      stop();
    };
  }

  #failed(error: WeirError): void {
    const mayBeRenewed = error.reason === "unauthenticated" && this.parts.onTokenRefused() &&
      ++this.#tokensRefused <= TOKENS_TRIED;
    if (error.mayPassLater || mayBeRenewed) return this.#again(error);
    this.#end = null;
    this.#change({ ...this.#state, status: "refused", error });
  }

  /** Subscribes again after a while. */
  #again(error: WeirError | null): void {
    this.#failures++;
    const waitMs = (error?.retryAfterMs ?? 0) + backoffMs(this.parts.clock, this.#failures);
    this.#change(afterLoss(this.#state, error));
    this.#end = this.parts.clock.after(waitMs, () => {
      this.#end = null;
      this.#begin();
    });
  }

  #change(state: LiveState): void {
    const { status, snapshot, error } = this.#state;
    if (status === state.status && snapshot === state.snapshot && error === state.error) return;
    this.#state = state;
    this.#tell(state);
  }

  #tell(state: LiveState): void {
    this.#listeners.tell(state);
  }
}

/** A function that brings refused tokens again and again is not asked for ever. */
const TOKENS_TRIED = 3;
