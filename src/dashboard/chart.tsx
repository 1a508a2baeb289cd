/** Lines over time, of one series whose steps are all there (`fill`). Null is a gap, counts begin at zero, and what the pixels show a table says, too. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { moment, wholeMoment } from './format.ts';
import type { LiveAnswer } from './live-answer.ts';
import { Scroll } from './scroll.tsx';
import { onThemeChange } from './theme.ts';

export interface Line {
  readonly name: string;
  /** Which of the answer's measures. */
  readonly measure: number;
}

export interface ChartProps {
  /** What it shows, for those who do not see it. */
  readonly title: string;
  readonly answer: LiveAnswer;
  readonly lines: readonly Line[];
  /** A value with its unit. */
  readonly shown: (value: number | null | undefined) => string;
}

const HEIGHT_PX = 208;
/** Of the newest points: a table of all would be read for minutes. */
const TABLE_ROWS_MAX = 30;
/** All charts of the page point at the same time. */
const SYNC_KEY = 'time';

export function Chart({ title, answer, lines, shown }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const [themes, setThemes] = useState(0);
  const [at, setAt] = useState<number | null>(null);
  const data = useMemo(() => columnsOf(answer, lines), [answer, lines]);
  const newestData = useRef(data);
  newestData.current = data;

  useEffect(() => onThemeChange(() => setThemes((n) => n + 1)), []);
  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    // Colours are read anew when the theme changes.
    const options = { ...plotOptions(element, lines, shown, setAt), id: `chart-${themes}` };
    const made = new uPlot(options, newestData.current, element);
    plot.current = made;
    const resized = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    );
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
    };
  }, [lines, shown, themes]);
  useEffect(() => plot.current?.setData(data), [data]);

  const [times] = data;
  const index = at ?? times.length - 1;
  const pointedAt = times[index];
  return (
    <figure class="chart">
      <figcaption class="legend">
        {lines.map(({ name }, i) => (
          <span key={name}>
            <i class={`swatch line-${i}`} aria-hidden="true" /> {name}{' '}
            <b class="number">{shown(data[i + 1]?.[index])}</b>
          </span>
        ))}
        {pointedAt !== undefined && (
          <time class="quiet" title={wholeMoment(pointedAt * 1_000)}>
            {at === null ? 'last step, ' : ''}
            {moment(pointedAt * 1_000)}
          </time>
        )}
      </figcaption>
      <div
        ref={place}
        class="plot"
        role="img"
        aria-label={`${title}. The table below has the numbers.`}
      />
      <details>
        <summary>As a table</summary>
        <Scroll label={`Table: ${title}`}>
          <table>
            <caption class="quiet">
              {title}: the newest {TABLE_ROWS_MAX} steps at most
            </caption>
            <thead>
              <tr>
                <th scope="col">Step from</th>
                {lines.map(({ name }) => (
                  <th key={name} scope="col" class="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {[...times.keys()]
                .slice(-TABLE_ROWS_MAX)
                .reverse()
                .map((row) => (
                  <tr key={times[row]}>
                    <th scope="row">{moment((times[row] ?? 0) * 1_000)}</th>
                    {lines.map(({ name }, i) => (
                      <td key={name} class="number">
                        {shown(data[i + 1]?.[row])}
                      </td>
                    ))}
                  </tr>
                ))}
            </tbody>
          </table>
        </Scroll>
      </details>
    </figure>
  );
}

type Columns = [number[], ...(number | null)[][]];

/** Times in seconds, as uPlot wants them, then a column for each line. */
function columnsOf({ series: [series] }: LiveAnswer, lines: readonly Line[]): Columns {
  const points = series?.points ?? [];
  return [
    points.map(({ t }) => t / 1_000),
    ...lines.map(({ measure }) => points.map(({ values }) => values[measure]?.value ?? null)),
  ];
}

/** Where a value stands between two gaps, a line has no length: a point shows it. */
function alone(values: ArrayLike<number | null | undefined> = []): number[] {
  return Array.from(values, (_, i) => i).filter(
    (i) => values[i] != null && values[i - 1] == null && values[i + 1] == null,
  );
}

function plotOptions(
  element: HTMLElement,
  lines: readonly Line[],
  shown: ChartProps['shown'],
  pointed: (index: number | null) => void,
): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: colour('--quiet'), font, grid: { stroke: colour('--rule'), width: 1 } };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { sync: { key: SYNC_KEY }, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      { ...axis, ticks: { show: false }, values: '{HH}:{mm}:{ss}', space: 88, size: 32 },
      {
        ...axis,
        ticks: { show: false },
        size: 76,
        values: (_, splits) => splits.map((split) => shown(split)),
      },
    ],
    series: [
      {},
      ...lines.map((line, i) => ({
        label: line.name,
        stroke: colour(`--line-${i}`),
        width: 1.5,
        points: { size: 5, filter: ({ data }: uPlot, index: number) => alone(data[index]) },
        ...(lines.length === 1 && { fill: colour('--line-0-fill') }),
      })),
    ],
    hooks: { setCursor: [({ cursor: { idx } }) => pointed(idx ?? null)] },
  };
}
