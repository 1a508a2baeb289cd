/** An answer as charts: one for each scale, or with groups one for each measure. */
import { useMemo } from 'preact/hooks';
import type { Address } from '../kit/address.ts';
import { counted, grouped } from '../kit/format.ts';
import { type AskedRange, eventsPath, type Question } from '../question/question.ts';
import { Chart } from './chart.tsx';
import { Looks } from './colours.ts';
import { type Explored, type Picture, picturesOf } from './explored.ts';
import type { ToEvents } from './legend.tsx';

export interface ChartsProps {
  readonly answer: Explored;
  readonly question: Question;
  readonly zoom: (range: AskedRange) => void;
  readonly go: Address['go'];
}

/** Of the whole page: a label keeps its colour from question to question. */
export const looks = new Looks();

export function Charts({ answer, question, zoom, go }: ChartsProps) {
  const pictures = useMemo(() => picturesOf(answer, question, looks), [answer, question]);
  const { series, seriesFound } = answer;
  return (
    <>
      {series.length === 0 && <p>No events in this range.</p>}
      {seriesFound > series.length && (
        <p class="quiet">
          The first {series.length} of {grouped(seriesFound)} series, by the first measure. Filter
          to see others.
        </p>
      )}
      {series.length > 0 &&
        pictures.map((picture) => (
          <section key={picture.title} class="panel wide" aria-label={picture.title}>
            <h2>{picture.title}</h2>
            <PictureChart
              picture={picture}
              answer={answer}
              question={question}
              zoom={zoom}
              go={go}
            />
          </section>
        ))}
    </>
  );
}

export interface PictureChartProps {
  readonly picture: Picture;
  readonly answer: Explored;
  readonly question: Question;
  readonly zoom?: (range: AskedRange) => void;
  /** Undefined: nothing leads to the events behind it. */
  readonly go: Address['go'] | undefined;
}

export function PictureChart({ picture, answer, question, zoom, go }: PictureChartProps) {
  const { title, shown, times, lines, labels } = picture;
  const toEvents: ToEvents | undefined = go && {
    path: (step, line) => eventsPath(question, step, (line && labels.get(line.name)) ?? []),
    go,
  };
  return (
    <Chart
      title={`${title} in ${counted(times.length, 'step')}`}
      range={answer}
      times={times}
      stepMs={answer.stepMs}
      lines={lines}
      completeTo={answer.watermark}
      timeZone={question.timeZone}
      shown={shown}
      {...(zoom && { onZoom: zoom })}
      toEvents={toEvents}
    />
  );
}
