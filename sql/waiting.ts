/**
 * Waiting with an end: for a time, or for an answer that may never come.
 *
 * No function leaves a timer or a listener behind. A promise that is given up may still fail later;
 * that failure is ignored, since nobody waits for it any more.
 */

/** Waits `ms`, or until `signal` aborts. Ask the signal which of the two it was. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const ignore = onAbort(signal, () => resolve());
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    ignore();
  }
}

/** True as soon as `promise` is settled, either way; false when that takes longer than `ms`. */
export async function settlesWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const settled = new AbortController();
  const abort = () => settled.abort();
  promise.then(abort, abort);
  await pause(ms, settled.signal);
  return settled.signal.aborted;
}

/** Doubt whether anybody works on an answer. */
export interface Doubt {
  /** The doubt begins after this time, and again so long after each sign of life. */
  readonly afterMs: number;
  /** Looks for a sign of life. */
  readonly isAlive: () => boolean | Promise<boolean>;
}

/**
 * The answer of `promise`, unless it takes longer than `ms`, or `doubt` finds nobody alive.
 * @throws `late()` then, the reason of `signal` when it aborts first, or the failure of `promise`
 */
export function answerWithin<T>(
  ms: number,
  promise: Promise<T>,
  late: () => Error,
  signal?: AbortSignal,
  doubt?: Doubt,
): Promise<T> {
  return unlessGivenUp(promise, (giveUp) => {
    const timer = setTimeout(() => giveUp(late()), ms);
    const dispel = doubt && beginDoubt(doubt, () => giveUp(late()));
    const ignore = onAbort(signal, giveUp);
    return () => {
      clearTimeout(timer);
      dispel?.();
      ignore();
    };
  });
}

/** Calls `giveUp` once when nobody is alive. @returns ends the doubt */
function beginDoubt({ afterMs, isAlive }: Doubt, giveUp: () => void): () => void {
  let isOver = false;
  const look = async () => {
    const alive = await isAlive();
    if (isOver) return;
    if (!alive) giveUp();
    else timer = setTimeout(look, afterMs);
  };
  let timer = setTimeout(look, afterMs);
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

/** The answer of `promise`, unless `signal` aborts first. @throws the signal's reason then */
export function answerUnless<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return unlessGivenUp(promise, (giveUp) => onAbort(signal, giveUp));
}

/** @param arm arranges the call of `giveUp`, and returns a function that cancels the call. */
async function unlessGivenUp<T>(
  promise: Promise<T>,
  arm: (giveUp: (reason: unknown) => void) => () => void,
): Promise<T> {
  promise.catch(() => undefined); // it may fail after it was given up
  const { promise: givenUp, reject } = Promise.withResolvers<never>();
  const disarm = arm(reject);
  try {
    return await Promise.race([promise, givenUp]);
  } finally {
    disarm();
  }
}

/** Calls `then` once the signal is aborted, or at once when it is already. @returns undoes that */
function onAbort(signal: AbortSignal | undefined, then: (reason: unknown) => void): () => void {
  const aborted = () => then(signal?.reason);
  if (signal?.aborted === true) aborted();
  else signal?.addEventListener("abort", aborted, { once: true });
  return () => signal?.removeEventListener("abort", aborted);
}
