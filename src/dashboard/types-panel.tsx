/** Which types of events are most. */
import type { Rollup } from './answers.ts';
import { grouped } from './format.ts';
import { useTimeseries } from './hooks.ts';
import { ranking } from './live-answer.ts';
import { type Range, wholeOf } from './panels.ts';
import { QualityLine, Refused, Waiting } from './quality.tsx';

const TYPES_SHOWN = 10;

export interface TypesPanelProps {
  readonly stream: string;
  readonly range: Range;
  /** That counts by type. */
  readonly rollup: Rollup;
}

export function TypesPanel({ stream, range, rollup }: TypesPanelProps) {
  const { data, error } = useTimeseries({
    stream,
    ...wholeOf(range, rollup),
    measures: [{ op: 'count' }],
    groupBy: ['type'],
    limit: TYPES_SHOWN,
  });
  const ranked = data === undefined ? [] : ranking(data);
  const most = ranked[0]?.value ?? 0;
  return (
    <section class="panel" aria-labelledby="types-title">
      <h2 id="types-title">Top types</h2>
      {error && <Refused error={error} />}
      {data === undefined ? (
        error === undefined && <Waiting />
      ) : (
        <>
          {ranked.length === 0 && <p>No events in the last {range.name}.</p>}
          <table class="bars">
            <thead class="unseen">
              <tr>
                <th scope="col">Type</th>
                <th scope="col">Events</th>
              </tr>
            </thead>
            <tbody>
              {ranked.map(({ label, value }) => (
                <tr key={label}>
                  <th scope="row">
                    {label ?? <i>without a type</i>}
                    <meter class="bar-of" min={0} max={most} value={value} aria-hidden="true" />
                  </th>
                  <td class="number">{grouped(value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <QualityLine answer={data} of={range.name} />
        </>
      )}
    </section>
  );
}
