/**
 * Lines over time, whose steps are all there (`fill`). Null is a gap, counts begin at zero, and what the pixels show a table says, too.
 * A click holds a step and Esc lets it go, a drag asks for a range, arrows move from step to step.
 */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { moment } from '../kit/format.ts';
import { onThemeChange } from '../kit/theme.ts';
import { ChartTable } from './chart-table.tsx';
import { Legend, type LegendProps, type Step } from './legend.tsx';
import {
  columnsOf,
  drawIn,
  type Frame,
  type Line,
  plotOptions,
  shapeOf,
  showLines,
} from './plot.ts';

export interface ChartProps extends Pick<LegendProps, 'shown'> {
  /** What it shows, for those who do not see it. */
  readonly title: string;
  readonly range: Step;
  /** Where steps begin. */
  readonly times: readonly number[];
  readonly stepMs: number;
  readonly lines: readonly Line[];
  /** What is later may still grow. Null: nothing is complete. */
  readonly completeTo: number | null;
  readonly timeZone?: string | undefined;
  /** A range of whole steps was dragged over. */
  readonly onZoom?: (range: Step) => void;
  readonly toEvents?: LegendProps['toEvents'];
}

export function Chart(props: ChartProps) {
  const { title, range, times, stepMs, lines, completeTo, timeZone, shown, toEvents } = props;
  const { plot, place, at, setAt, pinned, setPinned, hidden, setHidden } = usePlot(props);
  const pinnedIndex = times.indexOf(pinned ?? Number.NaN);
  const isPinned = pinnedIndex >= 0;
  const index = isPinned ? pinnedIndex : (at ?? times.length - 1);
  const stepAt = (i: number): Step | undefined => {
    const from = times[i];
    return from === undefined ? undefined : { from, to: Math.min(from + stepMs, range.to) };
  };
  const step = stepAt(index);

  const toggle = (name: string) =>
    setHidden((before) => {
      const next = new Set(before);
      if (!next.delete(name)) next.add(name);
      return next;
    });
  const moveTo = (i: number) => {
    const to = Math.max(0, Math.min(i, times.length - 1));
    if (isPinned) setPinned(times[to]);
    setAt(to);
    const left = plot.current?.valToPos((times[to] ?? 0) / 1_000, 'x') ?? 0;
    plot.current?.setCursor({ left, top: 0 });
  };
  const pressed = (event: KeyboardEvent) => {
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: times.length - 1 };
    if (event.key in to) moveTo(to[event.key as keyof typeof to]);
    else if (event.key === 'Enter' && step !== undefined)
      setPinned(isPinned ? undefined : step.from);
    else if (event.key === 'Escape') setPinned(undefined);
    else return;
    event.preventDefault();
  };
  const said = lines.map(({ name, values }) => `${name} ${shown(values[index])}`).join(', ');
  return (
    <figure class="chart">
      <Legend
        lines={lines}
        hidden={hidden}
        toggle={toggle}
        step={step}
        index={index}
        kind={isPinned ? 'pinned' : at === null ? 'last' : 'pointed'}
        release={() => setPinned(undefined)}
        shown={shown}
        timeZone={timeZone}
        toEvents={toEvents}
      />
      <div
        ref={place}
        class="plot"
        role="slider"
        tabIndex={0}
        aria-label={`${title}. The table below has the numbers.`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, times.length - 1)}
        aria-valuenow={Math.max(0, index)}
        aria-valuetext={
          step === undefined ? 'no step yet' : `${moment(step.from, Date.now(), timeZone)}: ${said}`
        }
        onKeyDown={pressed}
      />
      {completeTo !== null && completeTo + 1 < range.to && (
        <p class="unseen">What is later than the watermark may still grow.</p>
      )}
      <ChartTable
        title={title}
        lines={lines}
        steps={times.map((_, i) => stepAt(i) as Step)}
        shown={shown}
        timeZone={timeZone}
        toEvents={toEvents}
      />
    </figure>
  );
}

/** A plot of uPlot's within the chart: made anew when its lines are others, and else given what has changed. */
function usePlot({ range, times, stepMs, lines, completeTo, shown, timeZone, onZoom }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const [themes, setThemes] = useState(0);
  const [at, setAt] = useState<number | null>(null);
  const [pinned, setPinned] = useState<number>();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const frame = useRef<Frame>({ ...range, completeTo, pinned });
  frame.current = { ...range, completeTo, pinned };
  const data = useMemo(() => columnsOf(times, lines), [times, lines]);
  const now = useRef({ data, lines, hidden, times, range, stepMs, onZoom });
  now.current = { data, lines, hidden, times, range, stepMs, onZoom };
  const shape = shapeOf(lines);
  const canZoom = onZoom !== undefined;

  useEffect(() => onThemeChange(() => setThemes((n) => n + 1)), []);
  // Drawn in the frame of the text beside it, not in one of its own.
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const zoomed = (from: number, to: number) => now.current.onZoom?.(wholeSteps(from, to));
    const wholeSteps = (from: number, to: number): Step => {
      const { range: all, stepMs: ms } = now.current;
      const begin = all.from + Math.floor((from - all.from) / ms) * ms;
      return { from: Math.max(all.from, begin), to: begin + Math.ceil((to - begin) / ms) * ms };
    };
    // Colours are read anew when the theme changes.
    const options = plotOptions(element, {
      lines: now.current.lines,
      hidden: now.current.hidden,
      shown,
      timeZone,
      frame,
      pointed: setAt,
      clicked: (index) => {
        const time = now.current.times[index];
        setPinned((before) => (before === time ? undefined : time));
      },
      dragged: canZoom ? zoomed : undefined,
    });
    const { plot: made, end } = drawIn(element, options, now.current.data);
    plot.current = made;
    return end;
  }, [shape, shown, timeZone, canZoom, themes]);
  useLayoutEffect(() => plot.current?.setData(data), [data, range.from, range.to]);
  useLayoutEffect(() => plot.current?.redraw(false), [completeTo, pinned]);
  useEffect(() => {
    if (plot.current !== undefined) showLines(plot.current, now.current.lines, hidden);
  }, [hidden]);
  return { plot, place, at, setAt, pinned, setPinned, hidden, setHidden };
}
