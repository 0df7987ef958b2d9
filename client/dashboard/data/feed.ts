/**
 * A subscription that stays. When the server ends it, or cannot serve it for now, the page asks for
 * it again. When that cannot help, the problem is shown and the feed rests.
 *
 * A lost connection needs no code here: the client reconnects and resumes by itself.
 */
import { type Problem, problemOf } from "./problem.ts";

/** The handlers that a tRPC subscription calls. */
export interface FeedHandlers<Data> {
  readonly onStarted: () => void;
  readonly onData: (data: Data) => void;
  readonly onError: (error: unknown) => void;
  readonly onComplete: () => void;
  readonly onConnectionStateChange: (change: { readonly state: string }) => void;
}

export interface FeedOptions<Data> {
  /** Asks the server. Called again whenever the subscription must begin again. */
  readonly subscribe: (handlers: FeedHandlers<Data>) => { unsubscribe(): void };
  readonly onData: (data: Data) => void;
  /** Called when the server begins to serve the feed, for the first time or again. */
  readonly onStarted: () => void;
  /** Called when the connection is gone, or the server has ended the feed. */
  readonly onLost: () => void;
  readonly onProblem: (problem: Problem) => void;
}

/** A server that ends a feed is stopping. Another one, or its successor, needs a moment. */
const AFTER_END_MS = 500;

/** Starts a feed. @returns a function that ends it. */
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
