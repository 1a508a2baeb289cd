/** An answer as charts: one for each scale, or with groups one for each measure. */
import { useMemo } from 'preact/hooks';
import type { Address } from './address.ts';
import { Chart } from './chart.tsx';
import { Looks } from './colours.ts';
import { type Explored, picturesOf } from './explored.ts';
import { counted, grouped } from './format.ts';
import type { ToEvents } from './legend.tsx';
import { type AskedRange, eventsPath, type Question } from './question.ts';

export interface ChartsProps {
  readonly answer: Explored;
  readonly question: Question;
  readonly zoom: (range: AskedRange) => void;
  readonly go: Address['go'];
}

/** Of the whole page: a label keeps its colour from question to question. */
const looks = new Looks();

export function Charts({ answer, question, zoom, go }: ChartsProps) {
  const pictures = useMemo(() => picturesOf(answer, question, looks), [answer, question]);
  const { series, seriesFound, stepMs, watermark } = answer;
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
        pictures.map(({ title, shown, times, lines, labels }) => {
          const toEvents: ToEvents = {
            path: (step, line) => eventsPath(question, step, (line && labels.get(line.name)) ?? []),
            go,
          };
          return (
            <section key={title} class="panel wide" aria-label={title}>
              <h2>{title}</h2>
              <Chart
                title={`${title} in ${counted(times.length, 'step')}`}
                range={answer}
                times={times}
                stepMs={stepMs}
                lines={lines}
                completeTo={watermark}
                timeZone={question.timeZone}
                shown={shown}
                onZoom={zoom}
                toEvents={toEvents}
              />
            </section>
          );
        })}
    </>
  );
}
