/**
 * Work that is done every so often, never twice at once.
 */

export interface Repeating {
  /** Does it now, unless it is under way. */
  now(): void;
  /** Does it no more, and resolves when it is not under way. */
  stop(): Promise<void>;
}

/**
 * Does `work` every `everyMs`. When the work is still under way, that turn is skipped.
 * @param onFailed called with what `work` throws. The work is repeated all the same.
 */
export function every(
  everyMs: number,
  work: () => Promise<unknown>,
  onFailed: (error: unknown) => void = () => undefined,
): Repeating {
  let underWay: Promise<void> | null = null;
  const now = () => {
    underWay ??= Promise.try(work).then(() => undefined, onFailed).finally(() => underWay = null);
  };
  const timer = setInterval(now, everyMs);
  return {
    now,
    stop: async () => {
      clearInterval(timer);
      await underWay;
    },
  };
}
