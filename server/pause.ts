/** Waits `ms`, or until `signal` aborts; leaves no timer behind. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal?.aborted === true) return Promise.resolve();
  const end = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
    resolve();
  };
  const timer = setTimeout(end, ms);
  signal?.addEventListener("abort", end);
  return promise;
}

/** True as soon as `promise` is settled, either way; false when that takes longer than `ms`. */
export async function settlesWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const settled = new AbortController();
  const abort = () => settled.abort();
  promise.then(abort, abort);
  await pause(ms, settled.signal);
  return settled.signal.aborted;
}
