/**
 * A subscription that stays: when the server ends it, or cannot serve it for now, it is asked for
 * again; when asking again cannot help, the problem is shown and the feed rests.
 *
 * A lost connection needs nothing here: the client reconnects and resumes by itself.
 */
import { type Problem, problemOf } from "./problem.ts";

/** What a tRPC subscription calls. */
export interface FeedHandlers<Data> {
  readonly onStarted: () => void;
  readonly onData: (data: Data) => void;
  readonly onError: (error: unknown) => void;
  readonly onComplete: () => void;
  readonly onConnectionStateChange: (change: { readonly state: string }) => void;
}

export interface FeedOptions<Data> {
  /** Asks the server; called again whenever the subscription has to begin anew. */
  readonly subscribe: (handlers: FeedHandlers<Data>) => { unsubscribe(): void };
  readonly onData: (data: Data) => void;
  /** The server has begun to serve the feed, for the first time or again. */
  readonly onStarted: () => void;
  /** The connection is gone, or the server has ended the feed. */
  readonly onLost: () => void;
  readonly onProblem: (problem: Problem) => void;
}

/** A server that ends a feed is shutting down: another one, or its successor, needs a moment. */
const AFTER_END_MS = 500;

/** Starts a feed. @returns what ends it. */
export function keepSubscribed<Data>(options: FeedOptions<Data>): () => void {
  let isStopped = false;
  let subscription: { unsubscribe(): void } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const beginAfter = (ms: number) => {
    timer = setTimeout(begin, ms * (1 + Math.random() / 2));
  };
  const begin = () => {
    subscription = options.subscribe({
      onStarted: options.onStarted,
      onData: options.onData,
      onError: (error) => {
        if (isStopped) return;
        const problem = problemOf(error);
        if (problem.retryAfterMs !== null) beginAfter(problem.retryAfterMs);
        options.onProblem(problem);
      },
      onComplete: () => {
        if (isStopped) return;
        beginAfter(AFTER_END_MS);
        options.onLost();
      },
      onConnectionStateChange: ({ state }) => {
        if (!isStopped && state !== "pending") options.onLost();
      },
    });
  };
  begin();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    subscription?.unsubscribe();
  };
}
