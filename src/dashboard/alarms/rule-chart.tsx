/** The values of a rule's groups over time, its thresholds, and when it would have fired. What it shows a table says, too. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { drawIn, HEIGHT_PX, inkOf } from '../chart/plot.ts';
import { axisTime } from '../kit/format.ts';
import { onThemeChange } from '../kit/theme.ts';
import type { Shown } from '../question/words.ts';
import type { StateChange } from './alarm-answers.ts';

export interface JudgedSeries {
  readonly labels: readonly { readonly value: string | null }[];
  readonly points: readonly {
    readonly end: number;
    readonly values: readonly { readonly value: number | null }[];
  }[];
}

export interface RuleChartProps {
  readonly series: readonly JudgedSeries[];
  readonly thresholds: readonly number[];
  readonly changes: readonly StateChange[];
  readonly shown: Shown;
}

export function RuleChart({ series, thresholds, changes, shown }: RuleChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const [themes, setThemes] = useState(0);
  const data = useMemo(() => columnsOf(series), [series]);
  useEffect(() => onThemeChange(() => setThemes((n) => n + 1)), []);
  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    // Colours are read anew when the theme changes.
    const lines = series.length;
    const options = plotOptions(element, { lines, thresholds, spans: spansOf(changes), shown });
    return drawIn(element, options, data).end;
  }, [data, series.length, thresholds, changes, shown, themes]);
  return (
    <figure class="chart">
      <figcaption class="legend">
        <span>
          <i class="swatch line-0" aria-hidden="true" /> Value of each window
          {series.length > 1 && `, of the ${series.length} groups with the highest`}
        </span>
        {thresholds.length > 0 && (
          <span>
            <i class="swatch threshold" aria-hidden="true" /> Threshold
          </span>
        )}
        <span>
          <i class="swatch fired" aria-hidden="true" /> Would have fired
        </span>
      </figcaption>
      <div ref={place} class="plot" role="img" aria-label="Values and thresholds over time" />
    </figure>
  );
}

type Columns = [number[], ...(number | null)[][]];

/** Times in seconds, as uPlot wants them: the ends of windows, at which a rule says what it says. */
function columnsOf(series: readonly JudgedSeries[]): Columns {
  const ends = new Set(series.flatMap(({ points }) => points.map(({ end }) => end)));
  const times = [...ends].sort((a, b) => a - b);
  const columns = series.map(({ points }) => {
    const byEnd = new Map(points.map(({ end, values: [first] }) => [end, first?.value ?? null]));
    return times.map((end) => byEnd.get(end) ?? null);
  });
  return [times.map((end) => end / 1_000), ...columns];
}

interface Span {
  readonly from: number;
  /** Undefined: it fires still. */
  readonly to: number | undefined;
}

/** From each firing to what ends it, in seconds. */
function spansOf(changes: readonly StateChange[]): readonly Span[] {
  const spans: Span[] = [];
  const since = new Map<string, number>();
  for (const { group, to, at } of changes) {
    const key = JSON.stringify(group);
    const from = since.get(key);
    if (to === 'firing') {
      if (from === undefined) since.set(key, at);
    } else if (from !== undefined) {
      since.delete(key);
      spans.push({ from: from / 1_000, to: at / 1_000 });
    }
  }
  return [...spans, ...[...since.values()].map((from) => ({ from: from / 1_000, to: undefined }))];
}

interface RulePlot extends Pick<RuleChartProps, 'thresholds' | 'shown'> {
  readonly lines: number;
  readonly spans: readonly Span[];
}

function plotOptions(
  element: HTMLElement,
  { lines, thresholds, spans, shown }: RulePlot,
): uPlot.Options {
  const { colour, axis } = inkOf(element);
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: { y: { range: (_, least, most) => rangeOf([least, most, ...thresholds]) } },
    axes: [
      {
        ...axis,
        values: (_, splits, __, ___, increment) =>
          splits.map((seconds) => axisTime(seconds * 1_000, increment)),
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
      ...Array.from({ length: lines }, () => ({
        stroke: colour('--line-0'),
        width: 1.5,
        points: { size: 4 },
      })),
    ],
    hooks: {
      drawAxes: [(plot) => drawSpans(plot, spans, colour('--trouble-ground'), colour('--trouble'))],
      draw: [(plot) => drawThresholds(plot, thresholds, colour('--trouble'))],
    },
  };
}

/** From zero, with what is to be seen inside. */
function rangeOf(values: readonly (number | null)[]): [number, number] {
  const known = values.filter((value) => value !== null);
  const [least, most] = [Math.min(0, ...known), Math.max(0, ...known)];
  return least === most ? [0, 1] : [least * 1.1, most * 1.1];
}

/** A bar at the top says the same without colour. */
function drawSpans(plot: uPlot, spans: readonly Span[], ground: string, edge: string): void {
  const { ctx, bbox } = plot;
  for (const { from, to } of spans) {
    const end = bbox.left + bbox.width;
    const left = Math.max(bbox.left, plot.valToPos(from, 'x', true));
    const right = to === undefined ? end : Math.min(end, plot.valToPos(to, 'x', true));
    const width = Math.max(devicePixelRatio * 2, right - left);
    ctx.fillStyle = ground;
    ctx.fillRect(left, bbox.top, width, bbox.height);
    ctx.fillStyle = edge;
    ctx.fillRect(left, bbox.top, width, devicePixelRatio * 4);
  }
}

function drawThresholds(plot: uPlot, thresholds: readonly number[], stroke: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.lineWidth = devicePixelRatio * 1.5;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const threshold of thresholds) {
    const y = plot.valToPos(threshold, 'y', true);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}
