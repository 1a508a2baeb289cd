/** A chart of one series as soon as there is an answer to draw; until then, or if there is none, why. */
import { useMemo } from 'preact/hooks';
import { Chart } from '../chart/chart.tsx';
import type { Shown } from '../question/words.ts';
import type { LiveAnswer } from '../server/live-answer.ts';
import { QualityLine, Unanswered } from '../server/quality.tsx';
import type { Askable } from '../server/use-ask.ts';

export interface MeasureLine {
  readonly name: string;
  /** Which of the answer's measures. */
  readonly measure: number;
}

interface ChartOfAnswerProps {
  /** What it shows, for those who do not see it. */
  readonly title: string;
  readonly lines: readonly MeasureLine[];
  readonly shown: Shown;
}

export type AnsweredChartProps = ChartOfAnswerProps & Askable<LiveAnswer>;

export function AnsweredChart({ data, error, again, ...chart }: AnsweredChartProps) {
  return (
    <>
      <Unanswered data={data} error={error} again={again} />
      {data && (
        <>
          <ChartOfAnswer {...chart} answer={data} />
          <QualityLine answer={data} />
        </>
      )}
    </>
  );
}

function ChartOfAnswer({
  title,
  answer,
  lines: asked,
  shown,
}: ChartOfAnswerProps & { readonly answer: LiveAnswer }) {
  const { times, lines } = useMemo(() => {
    const points = answer.series[0]?.points ?? [];
    return {
      times: points.map(({ t }) => t),
      lines: asked.map(({ name, measure }) => ({
        name,
        values: points.map(({ values }) => values[measure]?.value ?? null),
        errorBounds: points.map(({ values }) => values[measure]?.errorBound ?? 0),
      })),
    };
  }, [answer, asked]);
  return (
    <Chart
      title={title}
      range={answer}
      times={times}
      stepMs={answer.stepMs}
      lines={lines}
      completeTo={answer.watermark}
      shown={shown}
    />
  );
}
