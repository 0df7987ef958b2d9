/**
 * A figure on one line that never breaks and never leaves its place. It shrinks until it fits.
 *
 * A figure that would get too small to read also has a short form, which is large. The exact figure
 * stays below it; in a table, where there is no room for two lines, it is there for screen readers
 * and for a pointer. The place decides the size, so a figure grows with its screen.
 *
 * Tested in tests/page/numbers_test.ts.
 */
import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

export interface FitProps {
  readonly text: string;
  readonly testId?: string;
  /** The short form. Without one the figure shrinks as far as it must. */
  readonly short?: string;
}

/** A figure is too small below this part of its full size, if it is also smaller than the page's text. */
const READABLE_PART = 0.7;
const READABLE_REM = 1.1;
/** The steps in which a figure shrinks. Small changes of its width then change nothing. */
const STEP = 0.01;

export function Fit({ text, testId, short }: FitProps) {
  const place = useRef<HTMLSpanElement>(null);
  const exact = useRef<HTMLSpanElement>(null);
  const isSmall = useSignal(false);
  const fit = () => {
    if (place.current === null || exact.current === null) return;
    const scale = shrink(place.current, exact.current);
    const full = sizeOf(place.current);
    const readable = Math.min(
      READABLE_PART * full,
      READABLE_REM * sizeOf(document.documentElement),
    );
    isSmall.value = short !== undefined && short !== text && scale * full < readable;
  };
  const latest = useRef(fit);
  latest.current = fit;
  useLayoutEffect(() => {
    if (place.current === null) return;
    const resizing = new ResizeObserver(() => latest.current());
    resizing.observe(place.current);
    return () => resizing.disconnect();
  }, []);
  useLayoutEffect(fit, [text, short]);
  return (
    <span ref={place} class="fit" title={isSmall.value ? text : undefined}>
      {isSmall.value && (
        <span class="fit-short" aria-hidden="true">
          <Fit text={`≈ ${short}`} />
        </span>
      )}
      <span ref={exact} class="fit-exact" data-testid={testId}>{text}</span>
    </span>
  );
}

/** Gives `line` the largest size that fits into `place`. @returns its part of the full size */
function shrink(place: HTMLElement, line: HTMLElement): number {
  const room = place.clientWidth;
  const before = Number(line.dataset["scale"] ?? 1);
  // A place that is not shown has no width. It is measured when it appears.
  if (room === 0) return before;
  const needed = line.getBoundingClientRect().width / before;
  let scale = needed <= room ? 1 : Math.floor(room / needed / STEP) * STEP;
  for (;;) {
    scale = Math.max(STEP, Number(scale.toFixed(2)));
    if (scale !== Number(line.dataset["scale"] ?? 1)) {
      line.dataset["scale"] = String(scale);
      line.style.fontSize = `${scale}em`;
    }
    // Letters are not set at every size in proportion, so the last word is a measurement.
    if (line.getBoundingClientRect().width <= room || scale === STEP) return scale;
    scale -= STEP;
  }
}

function sizeOf(element: Element): number {
  return parseFloat(getComputedStyle(element).fontSize);
}
