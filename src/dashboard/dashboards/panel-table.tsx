/** Series by what they have in the whole range, or the heaviest values of a field. */

import { type Explored, seriesName } from '../chart/explored.ts';
import { TopEntries } from '../chart/top-entries.tsx';
import { BarTable } from '../kit/bar-table.tsx';
import { Scroll } from '../kit/scroll.tsx';
import type { TimeseriesVariables } from '../question/question.ts';
import { measureShown, measureText } from '../question/words.ts';
import { FirstOf } from '../server/quality.tsx';
import { seriesRows } from './panel-values.ts';

export interface PanelTableProps {
  readonly kept: TimeseriesVariables;
  readonly answer: Explored;
}

export function PanelTable({ kept, answer }: PanelTableProps) {
  const { measures } = kept;
  const tops = measures.flatMap((measure, place) =>
    measure.op === 'top' ? [{ measure, place }] : [],
  );
  const newest = answer.series[0]?.points.at(-1)?.values;
  return (
    <>
      {tops.length < measures.length && <SeriesTable kept={kept} answer={answer} />}
      {tops.map(({ measure, place }) => (
        <div key={place}>
          {measures.length > 1 && <h3>{measureText(measure)}</h3>}
          <TopEntries measure={measure} value={newest?.[place]} />
        </div>
      ))}
    </>
  );
}

function SeriesTable({ kept, answer }: PanelTableProps) {
  const rows = seriesRows(answer, kept);
  const columns = kept.measures.flatMap((measure, place) =>
    measure.op === 'top'
      ? []
      : [{ place, text: measureText(measure), shown: measureShown(measure) }],
  );
  const fields = kept.groupBy ?? [];
  if (rows.length === 0) return <p>No events in this range.</p>;
  return (
    <>
      <Scroll label={`Table by ${fields.join(', ') || 'all events'}`}>
        <BarTable
          heads={[fields.join(' · ') || 'All events', ...columns.map(({ text }) => text)]}
          bars={rows.map(({ key, labels, values }) => ({
            key,
            name: labels.length === 0 ? 'all' : seriesName(labels),
            size: values[columns[0]?.place ?? 0]?.value ?? 0,
            cells: columns.map(({ place, shown }) => shown(values[place]?.value)),
          }))}
        />
      </Scroll>
      <FirstOf shown={rows.length} found={answer.seriesFound} />
    </>
  );
}
