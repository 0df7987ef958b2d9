/**
 * The page's clock, for ages that go on between frames. It rests while the page is hidden.
 */
import { type ReadonlySignal, signal } from "@preact/signals";

const TICK_MS = 1_000;

/** Starts a clock that shows `Date.now()` and changes once a second. */
export function startClock(): ReadonlySignal<number> {
  const now = signal(Date.now());
  const tick = () => {
    now.value = Date.now();
  };
  let timer: ReturnType<typeof setInterval> | undefined;
  const follow = () => {
    clearInterval(timer);
    if (document.hidden) return;
    tick();
    timer = setInterval(tick, TICK_MS);
  };
  follow();
  document.addEventListener("visibilitychange", follow);
  return now;
}
