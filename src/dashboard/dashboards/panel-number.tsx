/** Figures of the whole range, and how they have changed against an earlier time. */
import type { Explored } from '../chart/explored.ts';
import { grouped, shortNumber } from '../kit/format.ts';
import { COMPARISONS, type TimeseriesVariables } from '../question/question.ts';
import { measureShown, measureText } from '../question/words.ts';
import { changeInWords, type NumberShown, numbersOf } from './panel-values.ts';

export interface PanelNumberProps {
  readonly kept: TimeseriesVariables;
  readonly answer: Explored;
}

export function PanelNumber({ kept, answer }: PanelNumberProps) {
  const numbers = numbersOf(answer, kept);
  return (
    <dl class="figures">
      {numbers.map((number) => {
        const { measure, now } = number;
        const text = measureText(measure);
        return (
          <div key={text}>
            {/* Of one number the panel's title says what it is. */}
            <dt class={numbers.length > 1 ? undefined : 'unseen'}>{text}</dt>
            <dd>
              {valueInWords(number)}
              {now !== undefined && now.errorBound > 0 && (
                <small title="In 95 % of cases the true number lies within this">
                  {' '}
                  ± {shortNumber(now.errorBound)}
                </small>
              )}
            </dd>
            {now === undefined && (
              <dd class="aside">
                Its steps do not add up: of the whole range it is known by a "window" as long.
              </dd>
            )}
            {kept.compare !== undefined && (
              <dd class="aside">{besideInWords(number, COMPARISONS[kept.compare])}</dd>
            )}
          </div>
        );
      })}
    </dl>
  );
}

/** Whose numbers are read to the last digit. */
const COUNTS: readonly (string | undefined)[] = ['count', 'distinct'];

function valueInWords({ measure, now }: NumberShown): string {
  if (now?.value != null && COUNTS.includes(measure.op)) return grouped(Math.round(now.value));
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
