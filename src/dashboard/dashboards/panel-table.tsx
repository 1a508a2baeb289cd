/** Series by what they have in the whole range, or the heaviest values of a field. */

import { type Explored, seriesName } from '../chart/explored.ts';
import { TopEntries } from '../chart/top-entries.tsx';
import { BarTable } from '../kit/bar-table.tsx';
import { Scroll } from '../kit/scroll.tsx';
import { SERIES_SHOWN } from '../question/question.ts';
import { measureShown, measureText } from '../question/words.ts';
import type { PanelQuestion } from '../saved/dashboard-answers.ts';
import { FirstOf } from '../server/quality.tsx';
import { NOT_OF_STEPS, type SeriesRow, seriesRows } from './panel-values.ts';

export interface PanelTableProps {
  readonly kept: PanelQuestion;
  readonly answer: Explored;
}

export function PanelTable({ kept, answer }: PanelTableProps) {
  const { measures } = kept;
  const rows = seriesRows(answer, kept);
  const tops = measures.filter(({ op }) => op === 'top');
  if (rows.length === 0) return <p>No events in this range.</p>;
  const withTops = tops.length === 0 ? [] : rows.slice(0, SERIES_SHOWN);
  return (
    <>
      {tops.length < measures.length && <SeriesTable kept={kept} rows={rows} />}
      {withTops.map((row) => (
        <TopsOfSeries key={row.key} kept={kept} row={row} />
      ))}
      <FirstOf
        shown={tops.length === 0 ? rows.length : withTops.length}
        found={answer.seriesFound}
      />
    </>
  );
}

/** The heaviest values of each field that is asked for; with groups those of a group by itself. */
function TopsOfSeries({ kept: { measures }, row }: { kept: PanelQuestion; row: SeriesRow }) {
  const { labels, values } = row;
  const name = labels.length === 0 ? [] : [seriesName(labels)];
  return (
    <>
      {measures.map((measure, place) => {
        if (measure.op !== 'top') return null;
        const head = [...name, ...(measures.length > 1 ? [measureText(measure)] : [])];
        return (
          <div key={measureText(measure)}>
            {head.length > 0 && <h3>{head.join(' · ')}</h3>}
            {values[place] === undefined ? (
              <p>{NOT_OF_STEPS}</p>
            ) : (
              <TopEntries measure={measure} value={values[place]} />
            )}
          </div>
        );
      })}
    </>
  );
}

interface SeriesTableProps {
  readonly kept: PanelQuestion;
  readonly rows: readonly SeriesRow[];
}

function SeriesTable({ kept, rows }: SeriesTableProps) {
  const columns = kept.measures.flatMap((measure, place) =>
    measure.op === 'top'
      ? []
      : [{ place, text: measureText(measure), shown: measureShown(measure) }],
  );
  const unknown = columns.filter(({ place }) =>
    rows.some(({ values }) => values[place] === undefined),
  );
  const fields = kept.groupBy ?? [];
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
      {unknown.map(({ text }) => (
        <p key={text} class="quiet">
          {text}: {NOT_OF_STEPS.charAt(0).toLowerCase() + NOT_OF_STEPS.slice(1)}
        </p>
      ))}
    </>
  );
}
