/** Figures of the whole range, and how they have changed against an earlier time. */
import { type Explored, seriesName } from '../chart/explored.ts';
import { grouped } from '../kit/format.ts';
import { COMPARISONS, type MeasureInput, SERIES_SHOWN } from '../question/question.ts';
import { measureShown, measureText } from '../question/words.ts';
import type { PanelQuestion } from '../saved/dashboard-answers.ts';
import { ErrorBound } from '../server/error-bound.tsx';
import { FirstOf } from '../server/quality.tsx';
import { changeInWords, NOT_OF_STEPS, type NumberShown, numbersOf } from './panel-values.ts';

export interface PanelNumberProps {
  readonly kept: PanelQuestion;
  readonly answer: Explored;
}

export function PanelNumber({ kept, answer }: PanelNumberProps) {
  const numbers = numbersOf(answer, kept);
  const beside = kept.compare && COMPARISONS[kept.compare];
  return (
    <>
      <dl class="figures">
        {numbers.map((number) => {
          const name = nameOf(number, kept);
          return (
            <Figure
              key={name}
              name={name}
              // Of one number the panel's title says what it is.
              isNamed={numbers.length > 1 || number.labels.length > 0}
              number={number}
              beside={beside}
            />
          );
        })}
      </dl>
      <FirstOf shown={Math.min(answer.series.length, SERIES_SHOWN)} found={answer.seriesFound} />
    </>
  );
}

/** "DE · count"; of one measure the series alone. */
function nameOf({ labels, measure }: NumberShown, { measures }: PanelQuestion): string {
  if (labels.length === 0) return measureText(measure);
  return measures.length === 1
    ? seriesName(labels)
    : `${seriesName(labels)} · ${measureText(measure)}`;
}

interface FigureProps {
  readonly name: string;
  readonly isNamed: boolean;
  readonly number: NumberShown;
  /** The earlier time that stands beside it. */
  readonly beside: string | undefined;
}

function Figure({ name, isNamed, number, beside }: FigureProps) {
  const { measure, now } = number;
  return (
    <div>
      <dt class={isNamed ? undefined : 'unseen'}>{name}</dt>
      <dd>
        {valueInWords(number)}
        <ErrorBound value={now} isWhole={isCount(measure)} />
      </dd>
      {now === undefined && <dd class="aside">{NOT_OF_STEPS}</dd>}
      {beside !== undefined && <dd class="aside">{besideInWords(number, beside)}</dd>}
    </div>
  );
}

/** Whose numbers are read to the last digit. */
const isCount = ({ op }: MeasureInput): boolean => op === 'count' || op === 'distinct';

function valueInWords({ measure, now }: NumberShown): string {
  if (now?.value != null && isCount(measure)) return grouped(Math.round(now.value));
  return measureShown(measure)(now?.value);
}

/** "+12 %. A day before: 1,100" */
function besideInWords({ measure, now, before }: NumberShown, time: string): string {
  const was =
    before === undefined ? '…' : before === null ? 'no events' : measureShown(measure)(before);
  const change = changeInWords(now?.value, before);
  const said = `${time.charAt(0).toUpperCase()}${time.slice(1)}: ${was}`;
  return change === undefined ? said : `${change}. ${said}`;
}
