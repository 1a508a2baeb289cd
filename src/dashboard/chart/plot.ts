/** How uPlot draws lines over time: their colours and dashes, bands of error, the time that is not complete yet. */
import uPlot from 'uplot';
import { axisTime } from '../kit/format.ts';
import { colourOf, isDashed } from './colours.ts';
import { selectByTouch } from './touch-zoom.ts';

export interface Line {
  readonly name: string;
  /** A value for each time; null is a gap. */
  readonly values: readonly (number | null)[];
  /** How far each value may be off. Absent, or 0 throughout: no band is drawn. */
  readonly errorBounds?: readonly number[];
  /** Its colour and dash; default: the place among the lines. */
  readonly look?: number;
  /** Of an earlier time: the name of the line that it stands beside, and is hidden with. */
  readonly beside?: string;
}

/** What a plot shows of now, which changes without a new plot. */
export interface Frame {
  readonly from: number;
  readonly to: number;
  readonly completeTo: number | null;
  /** The start of the step that is held. */
  readonly pinned: number | undefined;
}

export interface PlotOptions {
  readonly lines: readonly Line[];
  readonly hidden: ReadonlySet<string>;
  readonly shown: (value: number | null | undefined) => string;
  readonly timeZone: string | undefined;
  readonly frame: { readonly current: Frame };
  /** The step that is pointed at. */
  readonly pointed: (index: number | null) => void;
  readonly clicked: (index: number) => void;
  readonly dragged: ((from: number, to: number) => void) | undefined;
}

export const HEIGHT_PX = 208;
/** All charts of the page point at the same time. */
const SYNC_KEY = 'time';
/** A drag is no click that slipped. */
const DRAG_PX = 8;
/** Of a colour #rrggbb. */
const ALPHA = { area: '1f', band: '33', pending: '59' };

/** Times in seconds, as uPlot wants them, a column for each line, then the edges of the bands. */
export function columnsOf(times: readonly number[], lines: readonly Line[]): uPlot.AlignedData {
  return [
    times.map((t) => t / 1_000),
    ...lines.map(({ values }) => [...values]),
    ...lines.filter(hasBand).flatMap((line) => [edgeOf(line, 1), edgeOf(line, -1)]),
  ];
}

/** Plots of the same shape take each other's columns. */
export const shapeOf = (lines: readonly Line[]): string =>
  JSON.stringify(lines.map((line) => [line.name, line.look, line.beside, hasBand(line)]));

/** What may lie anywhere has no edge. */
const BOUND_MAX = 1e300;

export const hasBand = ({ errorBounds, beside }: Line): boolean =>
  beside === undefined && (errorBounds?.some((bound) => bound > 0 && bound < BOUND_MAX) ?? false);

const edgeOf = ({ values, errorBounds = [] }: Line, sign: 1 | -1): (number | null)[] =>
  values.map((value, i) => {
    const bound = errorBounds[i] ?? 0;
    return value === null || bound >= BOUND_MAX ? null : value + sign * bound;
  });

/** The colours of the page as canvas takes them, and what all axes are. */
export function inkOf(element: HTMLElement) {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--quiet'),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: colour('--rule'), width: 1 },
    ticks: { show: false },
  };
  return { colour, axis };
}

/** Draws, and follows the width of its place. Answers the plot, and what takes it away. */
export function drawIn(element: HTMLElement, options: uPlot.Options, data: uPlot.AlignedData) {
  const plot = new uPlot(options, data, element);
  const resized = new ResizeObserver(() =>
    plot.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
  );
  resized.observe(element);
  const end = () => {
    resized.disconnect();
    plot.destroy();
  };
  return { plot, end };
}

export function plotOptions(element: HTMLElement, options: PlotOptions): uPlot.Options {
  const { lines, hidden, shown, timeZone, frame, pointed, clicked, dragged } = options;
  const { colour, axis } = inkOf(element);
  const strokeOf = (line: Line, place: number) => colour(`--line-${colourOf(line.look ?? place)}`);
  const banded = lines.filter(hasBand);
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    ...(timeZone !== undefined && {
      tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1_000), timeZone),
    }),
    cursor: {
      sync: { key: SYNC_KEY },
      drag: { x: dragged !== undefined, y: false, setScale: false, dist: DRAG_PX },
      points: { size: 6 },
    },
    scales: {
      x: { range: () => [frame.current.from / 1_000, frame.current.to / 1_000] },
      y: { range: (_, min, max) => [Math.min(0, min * 1.1), max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        values: (_, splits, __, ___, increment) =>
          splits.map((seconds) => axisTime(seconds * 1_000, increment, timeZone)),
        space: 88,
        size: 32,
      },
      {
        ...axis,
        size: 76,
        values: (_, splits) => splits.map((split) => shown(split)),
      },
    ],
    series: [
      {},
      ...lines.map((line, place) => {
        const stroke = strokeOf(line, place);
        return {
          label: line.name,
          show: isShown(line, hidden),
          stroke,
          width: line.beside === undefined ? 1.5 : 1,
          ...dashOf(line, place),
          points: { size: 5, filter: ({ data }: uPlot, index: number) => alone(data[index]) },
          ...(lines.length === 1 && banded.length === 0 && { fill: stroke + ALPHA.area }),
        };
      }),
      ...banded.flatMap((line) => {
        const edge = { show: isShown(line, hidden), width: 0, points: { show: false } };
        return [edge, edge];
      }),
    ],
    bands: banded.map((line, i) => {
      const upper = 1 + lines.length + 2 * i;
      const stroke = strokeOf(line, lines.indexOf(line));
      return { series: [upper, upper + 1], fill: stroke + ALPHA.band };
    }),
    hooks: {
      setCursor: [({ cursor: { idx } }) => pointed(idx ?? null)],
      drawClear: [(plot) => drawPending(plot, frame.current, colour('--rule') + ALPHA.pending)],
      draw: [(plot) => drawPinned(plot, frame.current, colour('--quiet'))],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < DRAG_PX) return;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          const at = (px: number) => plot.posToVal(px, 'x') * 1_000;
          dragged?.(at(left), at(left + width));
        },
      ],
      ready: [
        (plot) => {
          plot.over.addEventListener('click', () => {
            if (plot.cursor.idx != null) clicked(plot.cursor.idx);
          });
          if (dragged !== undefined) selectByTouch(plot, DRAG_PX);
        },
      ],
    },
  };
}

/** Hides or shows lines of a plot that is there. */
export function showLines(plot: uPlot, lines: readonly Line[], hidden: ReadonlySet<string>): void {
  const edges = lines.filter(hasBand).flatMap((line) => [line, line]);
  for (const [i, line] of [...lines, ...edges].entries()) {
    const show = isShown(line, hidden);
    if (plot.series[i + 1]?.show !== show) plot.setSeries(i + 1, { show });
  }
}

const isShown = ({ name, beside = name }: Line, hidden: ReadonlySet<string>): boolean =>
  !hidden.has(beside);

function dashOf({ look, beside }: Line, place: number): { dash?: number[] } {
  if (beside !== undefined) return { dash: [2, 4] };
  return isDashed(look ?? place) ? { dash: [8, 4] } : {};
}

/** Where a value stands between two gaps, a line has no length: a point shows it. */
function alone(values: ArrayLike<number | null | undefined> = []): number[] {
  return Array.from(values, (_, i) => i).filter(
    (i) => values[i] != null && values[i - 1] == null && values[i + 1] == null,
  );
}

/** What may still grow lies on another ground than what is complete. */
function drawPending(plot: uPlot, { from, to, completeTo }: Frame, fill: string): void {
  const { ctx, bbox } = plot;
  const begin = Math.max(from, Math.min(completeTo ?? from, to));
  const left = plot.valToPos(begin / 1_000, 'x', true);
  ctx.save();
  ctx.fillStyle = fill;
  ctx.fillRect(left, bbox.top, bbox.left + bbox.width - left, bbox.height);
  ctx.restore();
}

function drawPinned(plot: uPlot, { pinned }: Frame, stroke: string): void {
  if (pinned === undefined) return;
  const { ctx, bbox } = plot;
  const left = Math.round(plot.valToPos(pinned / 1_000, 'x', true));
  if (left < bbox.left || left > bbox.left + bbox.width) return;
  ctx.save();
  ctx.fillStyle = stroke;
  ctx.fillRect(left, bbox.top, devicePixelRatio, bbox.height);
  ctx.restore();
}
