/**
 * The drawing of the chart by uPlot: bars over an hour, in the page's colours, as large as its
 * host.
 *
 * It follows the size of the host, the size of the page's letters, and the change between light and
 * dark, by itself.
 * Tested in tests/page/dashboard_test.ts and tests/page/wall_test.ts.
 */
import uPlot from "uplot";
import { formatCount } from "../../data/format.ts";

export interface Plot {
  /** Draws other data. */
  show(data: uPlot.AlignedData): void;
  destroy(): void;
}

const HALF_MINUTE_S = 30;
/** An axis of counts has whole steps. */
const STEPS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power))
  .flat();
const lengthOf = ({ length }: string) => length;
/** The axis of counts reaches up to here at the least. */
const LOWEST_TOP = 4;

/**
 * Draws into `host`.
 * @param onPoint called with the index of the minute under the pointer; null: there is none.
 */
export function createPlot(
  host: HTMLElement,
  data: uPlot.AlignedData,
  onPoint: (index: number | null) => void,
): Plot {
  let shown = data;
  let letters = letterSize();
  const draw = () => new uPlot(optionsOf(host, letters, onPoint), shown, host);
  let plot = draw();
  const resizing = new ResizeObserver(() => {
    if (letters === letterSize()) return plot.setSize(sizeOf(host));
    // The letters of an axis are set for good when the plot is made.
    letters = letterSize();
    plot.destroy();
    plot = draw();
  });
  resizing.observe(host);
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  const recolour = () => plot.redraw();
  darkness.addEventListener("change", recolour);
  return {
    show: (data) => {
      shown = data;
      plot.setData(data);
    },
    destroy: () => {
      resizing.disconnect();
      darkness.removeEventListener("change", recolour);
      plot.destroy();
    },
  };
}

/** The size of the page's letters in pixels: 16, or more at a wall and where a reader wants it. */
function letterSize(): number {
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}

function optionsOf(
  host: HTMLElement,
  letters: number,
  onPoint: (index: number | null) => void,
): uPlot.Options {
  const rem = (count: number) => count * letters;
  const colour = (name: string) => () => getComputedStyle(host).getPropertyValue(name).trim();
  const bars = uPlot.paths.bars?.({ size: [0.72, rem(1.75)], radius: 0.15 });
  const series = (fill: string): uPlot.Series => ({
    fill: colour(fill),
    stroke: colour(fill),
    width: 0,
    points: { show: false },
    ...(bars === undefined ? {} : { paths: bars }),
  });
  const axis: uPlot.Axis = {
    stroke: colour("--muted"),
    font: `${rem(0.75)}px ${getComputedStyle(host).fontFamily}`,
    ticks: { show: false },
  };
  return {
    ...sizeOf(host),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), "Etc/UTC"),
    padding: [rem(0.5), rem(1.25), 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
    scales: {
      x: { range: (_, min, max) => [min - HALF_MINUTE_S, max + HALF_MINUTE_S] },
      y: { range: (_, _min, max) => [0, Math.max(LOWEST_TOP, (max ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, grid: { show: false }, values: "{HH}:{mm}", space: rem(3.5), size: rem(1.75) },
      {
        ...axis,
        grid: { stroke: colour("--line"), width: rem(1 / 16) },
        values: (_, ticks) => ticks.map((tick) => formatCount(tick)),
        incrs: STEPS,
        space: rem(2.75),
        size: (_, labels) =>
          rem(Math.max(3, 0.5 * Math.max(0, ...(labels ?? []).map(lengthOf)) + 1)),
      },
    ],
    series: [{}, series("--accent"), series("--accent-light")],
  };
}

function sizeOf({ clientWidth, clientHeight }: HTMLElement): { width: number; height: number } {
  return { width: Math.max(1, clientWidth), height: Math.max(1, clientHeight) };
}
