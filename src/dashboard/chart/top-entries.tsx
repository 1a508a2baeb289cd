/** The heaviest values of a field, each with how far its count may be off. */
import { BarTable } from '../kit/bar-table.tsx';
import { grouped } from '../kit/format.ts';
import type { MeasureInput } from '../question/question.ts';
import type { MeasuredValue } from '../server/answers.ts';

export interface TopEntriesProps {
  readonly measure: MeasureInput;
  readonly value: MeasuredValue | undefined;
}

/** The heaviest first. */
export function TopEntries({ measure: { field = '', by = 'Events' }, value }: TopEntriesProps) {
  const entries = value?.entries ?? [];
  if (entries.length === 0) return <p>No values in this range.</p>;
  return (
    <BarTable
      heads={[field, by]}
      bars={entries.map(({ value: name, count, error: off }) => ({
        key: name,
        name,
        size: count,
        cells: [
          <>
            {grouped(count)}
            {off > 0 && <span class="quiet"> at most, {grouped(count - off)} at least</span>}
          </>,
        ],
      }))}
    />
  );
}
