/** The heaviest values of a field over the whole range, each with how far its count may be off. */

import type { Explored } from '../chart/explored.ts';
import { TopEntries } from '../chart/top-entries.tsx';
import { useHeld } from '../kit/pause.tsx';
import { whereOf } from '../question/condition.ts';
import type { MeasureInput, Question, TimeseriesVariables } from '../question/question.ts';
import { LIVE_ENTRIES, ONCE_ENTRIES } from '../question/timeseries-document.ts';
import { measureText } from '../question/words.ts';
import { foldTimeseries, type LiveAnswer } from '../server/live-answer.ts';
import { Unanswered } from '../server/quality.tsx';
import { useAsk } from '../server/use-ask.ts';
import { useLive } from '../server/use-live.ts';

export interface TopTableProps {
  readonly measure: MeasureInput;
  readonly question: Question;
  /** Whose range it is of. */
  readonly answer: Explored;
  readonly isLive: boolean;
  /** What is shown stands still. */
  readonly isPaused: boolean;
}

export function TopTable({ measure, question, answer, isLive, isPaused }: TopTableProps) {
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
  const { error, again } = isLive ? live : once;
  const data = useHeld(isLive ? live.data : once.data?.timeseries, isPaused);
  const title = measureText(measure);
  return (
    <section class="panel" aria-label={title}>
      <h2>{title}</h2>
      <Unanswered data={data} error={error} again={again} />
      {data && <TopEntries measure={measure} value={data.series[0]?.points.at(-1)?.values[0]} />}
    </section>
  );
}
