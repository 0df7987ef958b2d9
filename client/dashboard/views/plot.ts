/**
 * The drawing of the chart by uPlot: bars over an hour, in the page's colours, as large as its
 * host.
 *
 * It follows the size of the host, and the change between light and dark, by itself.
 */
import uPlot from "uplot";
import { formatCount } from "../data/format.ts";

export interface Plot {
  /** Draws other data. */
  show(data: uPlot.AlignedData): void;
  destroy(): void;
}

const HALF_MINUTE_S = 30;
/** An axis of counts has whole steps. */
const STEPS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power))
  .flat();
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
  const plot = new uPlot(optionsOf(host, onPoint), data, host);
  const resizing = new ResizeObserver(() => {
    plot.setSize(sizeOf(host));
  });
  resizing.observe(host);
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  const recolour = () => plot.redraw();
  darkness.addEventListener("change", recolour);
  return {
    show: (data) => plot.setData(data),
    destroy: () => {
      resizing.disconnect();
      darkness.removeEventListener("change", recolour);
      plot.destroy();
    },
  };
}

function optionsOf(host: HTMLElement, onPoint: (index: number | null) => void): uPlot.Options {
  const colour = (name: string) => () => getComputedStyle(host).getPropertyValue(name).trim();
  const bars = uPlot.paths.bars?.({ size: [0.72, 28], radius: 0.15 });
  const series = (fill: string): uPlot.Series => ({
    fill: colour(fill),
    stroke: colour(fill),
    width: 0,
    points: { show: false },
    ...(bars === undefined ? {} : { paths: bars }),
  });
  const axis: uPlot.Axis = {
    stroke: colour("--muted"),
    font: `12px ${getComputedStyle(host).fontFamily}`,
    ticks: { show: false },
  };
  return {
    ...sizeOf(host),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), "Etc/UTC"),
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
    scales: {
      x: { range: (_, min, max) => [min - HALF_MINUTE_S, max + HALF_MINUTE_S] },
      y: { range: (_, _min, max) => [0, Math.max(LOWEST_TOP, (max ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, grid: { show: false }, values: "{HH}:{mm}", space: 56, size: 28 },
      {
        ...axis,
        grid: { stroke: colour("--line"), width: 1 },
        values: (_, ticks) => ticks.map((tick) => formatCount(tick)),
        incrs: STEPS,
        space: 44,
        size: 48,
      },
    ],
    series: [{}, series("--accent"), series("--accent-light")],
  };
}

function sizeOf({ clientWidth, clientHeight }: HTMLElement): { width: number; height: number } {
  return { width: Math.max(1, clientWidth), height: Math.max(1, clientHeight) };
}
