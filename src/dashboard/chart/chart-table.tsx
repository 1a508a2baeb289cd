/** The numbers of a chart, for whoever does not see it, and for whoever wants them exactly. */
import { useState } from 'preact/hooks';
import { moment } from '../kit/format.ts';
import { Link } from '../kit/link.tsx';
import { Scroll } from '../kit/scroll.tsx';
import type { LegendProps, Step } from './legend.tsx';

export interface ChartTableProps
  extends Pick<LegendProps, 'lines' | 'shown' | 'timeZone' | 'toEvents'> {
  readonly title: string;
  readonly steps: readonly Step[];
}

/** Of the newest points: a table of all would be read for minutes. */
const ROWS_MAX = 30;

/** Its numbers are written only while it is open: a live chart has others every second. */
export function ChartTable(props: ChartTableProps) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details onToggle={({ currentTarget: { open } }) => setIsOpen(open)}>
      <summary>As a table</summary>
      {isOpen && <Numbers {...props} />}
    </details>
  );
}

function Numbers({ title, lines, steps, shown, timeZone, toEvents }: ChartTableProps) {
  const first = Math.max(0, steps.length - ROWS_MAX);
  const rows = steps.slice(first).map((step, i) => ({ step, index: first + i }));
  return (
    <Scroll label={`Table: ${title}`}>
      <table>
        <caption class="quiet">
          {title}: the newest {ROWS_MAX} steps at most
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
          {rows.reverse().map(({ step, index }) => {
            const time = moment(step.from, Date.now(), timeZone);
            const path = toEvents?.path(step);
            return (
              <tr key={step.from}>
                <th scope="row">
                  {path === undefined || toEvents === undefined ? (
                    time
                  ) : (
                    <Link path={path} go={toEvents.go}>
                      {time}
                    </Link>
                  )}
                </th>
                {lines.map(({ name, values }) => (
                  <td key={name} class="number">
                    {shown(values[index])}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}
