/** Which types of events are most. */

import { BarTable } from '../kit/bar-table.tsx';
import { grouped } from '../kit/format.ts';
import { useTimeseries } from '../question/use-timeseries.ts';
import type { Rollup } from '../server/answers.ts';
import { ranking } from '../server/live-answer.ts';
import { QualityLine, Unanswered } from '../server/quality.tsx';
import { type Range, wholeOf } from './panels.ts';

const TYPES_SHOWN = 10;

export interface TypesPanelProps {
  readonly stream: string;
  readonly range: Range;
  /** That counts by type. */
  readonly rollup: Rollup;
}

export function TypesPanel({ stream, range, rollup }: TypesPanelProps) {
  const { data, error, again } = useTimeseries({
    stream,
    ...wholeOf(range, rollup),
    measures: [{ op: 'count' }],
    groupBy: ['type'],
    limit: TYPES_SHOWN,
  });
  const ranked = data === undefined ? [] : ranking(data);
  return (
    <section class="panel" aria-labelledby="types-title">
      <h2 id="types-title">Top types</h2>
      <Unanswered data={data} error={error} again={again} />
      {data && (
        <>
          {ranked.length === 0 && <p>No events in the last {range.name}.</p>}
          <BarTable
            heads={['Type', 'Events']}
            bars={ranked.map(({ label, value }) => ({
              key: `${label}`,
              name: label ?? <i>without a type</i>,
              size: value,
              cells: [grouped(value)],
            }))}
          />
          <QualityLine answer={data} of={range.name} />
        </>
      )}
    </section>
  );
}
