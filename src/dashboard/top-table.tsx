/** The heaviest values of a field over the whole range, each with how far its count may be off. */
import type { MeasuredValue } from './answers.ts';
import { BarTable } from './bar-table.tsx';
import { whereOf } from './condition.ts';
import type { Explored } from './explored.ts';
import { grouped } from './format.ts';
import { useAsk, useLive } from './hooks.ts';
import { foldTimeseries, type LiveAnswer } from './live-answer.ts';
import { Unanswered } from './quality.tsx';
import type { MeasureInput, Question, TimeseriesVariables } from './question.ts';
import { LIVE_ENTRIES, ONCE_ENTRIES } from './timeseries-document.ts';
import { measureText } from './words.ts';

export interface TopTableProps {
  readonly measure: MeasureInput;
  readonly question: Question;
  /** Whose range it is of. */
  readonly answer: Explored;
  readonly isLive: boolean;
}

export function TopTable({ measure, question, answer, isLive }: TopTableProps) {
  const { from, to, stepMs } = answer;
  const { stream, conditions } = question;
  const where = whereOf(conditions);
  const asked = { stream, measures: [measure], ...(where && { where }) };
  const lengthMs = to - from;
  // Live: one short step, and with it the time of the range up to its end.
  const sliding: TimeseriesVariables = {
    ...asked,
    ...{ last: `${stepMs}ms`, step: `${stepMs}ms`, window: `${lengthMs}ms` },
  };
  const whole: TimeseriesVariables = { ...asked, from, to, step: `${lengthMs}ms` };
  const live = useLive(LIVE_ENTRIES, isLive ? sliding : undefined, foldTimeseries);
  const once = useAsk<{ readonly timeseries: LiveAnswer }>(ONCE_ENTRIES, isLive ? null : whole);
  const data = isLive ? live.data : once.data?.timeseries;
  const error = isLive ? live.error : once.error;
  const title = measureText(measure);
  return (
    <section class="panel" aria-label={title}>
      <h2>{title}</h2>
      <Unanswered data={data} error={error} />
      {data && <Entries measure={measure} value={data.series[0]?.points.at(-1)?.values[0]} />}
    </section>
  );
}

export interface EntriesProps {
  readonly measure: MeasureInput;
  readonly value: MeasuredValue | undefined;
}

/** The heaviest first. */
export function Entries({ measure: { field = '', by = 'Events' }, value }: EntriesProps) {
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
