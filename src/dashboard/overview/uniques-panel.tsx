/** How many different values a field has: users, most of the time. */
import type { Address } from '../kit/address.ts';
import { grouped, shortNumber } from '../kit/format.ts';
import { useTimeseries } from '../question/use-timeseries.ts';
import type { Rollup } from '../server/answers.ts';
import { ErrorBound } from '../server/error-bound.tsx';
import { newest } from '../server/live-answer.ts';
import { AnsweredChart, type MeasureLine } from './answered-chart.tsx';
import { FieldChoice } from './field-choice.tsx';
import { chosen, type Range, wholeOf } from './panels.ts';

const LINES: readonly MeasureLine[] = [{ name: 'Different values in a step', measure: 0 }];

export interface FieldPanelProps {
  readonly stream: string;
  readonly range: Range;
  /** By each, a rollup that has it. */
  readonly fields: ReadonlyMap<string, Rollup>;
  readonly address: Address;
}

export function UniquesPanel({ stream, range, fields, address }: FieldPanelProps) {
  const names = [...fields.keys()];
  const field = chosen(address.parameters.get('uniques'), names);
  const measures = [{ op: 'distinct', field }];
  const rollup = fields.get(field);
  const whole = useTimeseries(rollup && { stream, ...wholeOf(range, rollup), measures });
  const steps = useTimeseries({ stream, last: range.last, measures, fill: 'ZERO' });
  const found = newest(whole.data);
  return (
    <section class="panel" aria-labelledby="uniques-title">
      <h2 id="uniques-title">
        Uniques of{' '}
        <FieldChoice address={address} parameter="uniques" fields={names} field={field} />
      </h2>
      <dl class="figures">
        <div>
          <dt>In {range.name}</dt>
          <dd data-figure="uniques">
            {found?.value == null ? '–' : grouped(Math.round(found.value))}
            <ErrorBound value={found} isWhole />
          </dd>
        </div>
      </dl>
      <AnsweredChart
        title={`Different values of ${field} over ${range.name}`}
        data={steps.data}
        error={whole.error ?? steps.error}
        again={whole.error ? whole.again : steps.again}
        lines={LINES}
        shown={shortNumber}
      />
    </section>
  );
}
