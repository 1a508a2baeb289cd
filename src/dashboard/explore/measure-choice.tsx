/** What is measured: a row for each measure, and what is computed from measures. */

import { SettledInput } from '../kit/text-field.tsx';
import { letterOf, MEASURES_MAX, type MeasureInput } from '../question/question.ts';
import type { FieldStatistics, Rollup } from '../server/answers.ts';
import { FieldOptions } from './field-options.tsx';
import { fieldsForMeasure, OPS } from './offered.ts';

export interface MeasureChoiceProps {
  readonly measures: readonly MeasureInput[];
  readonly rollups: readonly Rollup[];
  readonly fields: readonly FieldStatistics[];
  readonly choose: (measures: readonly MeasureInput[]) => void;
}

const QUANTILES = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999] as const;
/** As the server takes it. */
const EXPRESSION_CHARS_MAX = 256;
const WITHOUT_FIELD = ['count', 'rate'];

export function MeasureChoice({ measures, rollups, fields, choose }: MeasureChoiceProps) {
  const hasExpression = measures.some(({ expression }) => expression !== undefined);
  const change = (place: number, measure: MeasureInput) =>
    choose(measures.map((before, i) => (i === place ? measure : before)));
  const offered = (op: string) => fieldsForMeasure(op, rollups, fields);
  /** With what its kind needs, and without what it does not. */
  const measureOf = (op: string, before: MeasureInput = {}): MeasureInput => {
    const { kept, others } = offered(op);
    const fits = [...kept, ...others];
    const kind = fits.find((field) => field === before.field) ?? fits[0];
    const hasField = !WITHOUT_FIELD.includes(op) && kind !== undefined;
    return {
      op,
      ...(hasField && { field: kind }),
      ...(op === 'quantile' && { q: before.q ?? 0.99 }),
    };
  };
  return (
    <fieldset class="choice">
      <legend>Measures</legend>
      <ul class="rows-of">
        {measures.map((measure, place) => (
          <li key={place}>
            {hasExpression && measure.expression === undefined && (
              <code title="Its name in expressions">{measure.as ?? letterOf(place)} =</code>
            )}
            {measure.expression === undefined ? (
              <OpChoice
                measure={measure}
                place={place}
                offered={offered}
                choose={(op) => change(place, measureOf(op, measure))}
                set={(next) => change(place, next)}
              />
            ) : (
              <SettledInput
                value={measure.expression}
                settle={(expression) => change(place, { ...measure, expression })}
                input={{
                  ...{ class: 'code', placeholder: '100 * a / b', maxLength: EXPRESSION_CHARS_MAX },
                  'aria-label': `Expression ${place + 1}`,
                }}
              />
            )}
            {measures.length > 1 && (
              <button
                type="button"
                class="plain cross"
                aria-label={`Remove measure ${place + 1}`}
                onClick={() => choose(measures.filter((_, i) => i !== place))}
              >
                ×
              </button>
            )}
          </li>
        ))}
      </ul>
      {measures.length < MEASURES_MAX && (
        <p class="actions">
          <button
            type="button"
            class="plain"
            onClick={() => choose([...measures, nextOf(measures, measureOf)])}
          >
            Add a measure
          </button>
          <button
            type="button"
            class="plain"
            onClick={() => choose([...measures, { expression: letterOf(0) }])}
          >
            Add an expression
          </button>
        </p>
      )}
    </fieldset>
  );
}

/** The first kind that is not there yet and has a field to be of. */
function nextOf(
  measures: readonly MeasureInput[],
  measureOf: (op: string) => MeasureInput,
): MeasureInput {
  const has = (op: string) => measures.some((measure) => measure.op === op);
  const left = ['count', 'rate', 'quantile', 'distinct', 'avg', 'sum', 'max', 'min'].filter(
    (op) => !has(op),
  );
  const next = left
    .map(measureOf)
    .find(({ op = '', field }) => field || WITHOUT_FIELD.includes(op));
  return next ?? { op: 'count' };
}

interface OpChoiceProps {
  readonly measure: MeasureInput;
  readonly place: number;
  readonly offered: (op: string) => ReturnType<typeof fieldsForMeasure>;
  /** Measures something else. */
  readonly choose: (op: string) => void;
  readonly set: (measure: MeasureInput) => void;
}

function OpChoice({ measure, place, offered, choose, set }: OpChoiceProps) {
  const { op = '', field, q } = measure;
  const isKnown = OPS.some((each) => each === op);
  return (
    <>
      <select
        aria-label={`Measure ${place + 1}`}
        value={op}
        onChange={({ currentTarget: { value } }) => choose(value)}
      >
        {!isKnown && <option>{op}</option>}
        {OPS.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
      {op !== 'count' && (
        <select
          aria-label={`Field of measure ${place + 1}`}
          value={field ?? ''}
          onChange={({ currentTarget: { value } }) => {
            const { field: _, ...rest } = measure;
            set(value === '' ? rest : { ...rest, field: value });
          }}
        >
          {field === undefined && op !== 'rate' && <option value="">choose a field</option>}
          {op === 'rate' && <option value="">of events</option>}
          <FieldOptions offered={offered(op)} chosen={field} />
        </select>
      )}
      {op === 'quantile' && (
        <select
          aria-label={`Quantile of measure ${place + 1}`}
          value={q ?? ''}
          onChange={({ currentTarget: { value } }) => set({ ...measure, q: Number(value) })}
        >
          {q === undefined && <option value="">choose a quantile</option>}
          {[...new Set([...QUANTILES, ...(q === undefined ? [] : [q])])].map((each) => (
            <option key={each} value={each}>
              p{Number((each * 100).toPrecision(6))}
            </option>
          ))}
        </select>
      )}
    </>
  );
}
