/** How many events come: just now, and over the range. */

import { grouped, perSecond } from '../kit/format.ts';
import { useTimeseries } from '../question/use-timeseries.ts';
import { type LiveAnswer, recentMean } from '../server/live-answer.ts';
import { AnsweredChart, type MeasureLine } from './answered-chart.tsx';
import type { Range } from './panels.ts';

const LINES: readonly MeasureLine[] = [{ name: 'Events per second', measure: 0 }];
/** "Now" is the mean of so many complete steps: one alone jumps. */
const NOW_STEPS = 10;

export interface RatePanelProps {
  readonly stream: string;
  readonly range: Range;
  readonly now: LiveAnswer | undefined;
}

export function RatePanel({ stream, range, now }: RatePanelProps) {
  const measures = [{ op: 'rate' }, { op: 'count' }];
  const { data, error, again } = useTimeseries({
    stream,
    last: range.last,
    measures,
    fill: 'ZERO',
  });
  const points = data?.series[0]?.points ?? [];
  const total = points.reduce((sum, { values: [, count] }) => sum + (count?.value ?? 0), 0);
  return (
    <section class="panel wide" aria-labelledby="rate-title">
      <h2 id="rate-title">Events</h2>
      <dl class="figures">
        <div>
          <dt>Now</dt>
          <dd data-figure="now">{perSecond(recentMean(now, NOW_STEPS))}</dd>
        </div>
        <div>
          <dt>In {range.name}</dt>
          <dd data-figure="total">{data === undefined ? '–' : grouped(total)}</dd>
        </div>
      </dl>
      <AnsweredChart
        title={`Events per second over ${range.name}`}
        data={data}
        error={error}
        again={again}
        lines={LINES}
        shown={perSecond}
      />
    </section>
  );
}
