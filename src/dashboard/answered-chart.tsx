/** A chart as soon as there is an answer to draw; until then, or if there is none, why. */
import { Chart, type ChartProps } from './chart.tsx';
import type { Answered } from './hooks.ts';
import type { LiveAnswer } from './live-answer.ts';
import { QualityLine, Refused, Waiting } from './quality.tsx';

export type AnsweredChartProps = Omit<ChartProps, 'answer'> & Answered<LiveAnswer>;

export function AnsweredChart({ data, error, ...chart }: AnsweredChartProps) {
  return (
    <>
      {error && <Refused error={error} />}
      {data === undefined && error === undefined && <Waiting />}
      {data && (
        <>
          <Chart {...chart} answer={data} />
          <QualityLine answer={data} />
        </>
      )}
    </>
  );
}
