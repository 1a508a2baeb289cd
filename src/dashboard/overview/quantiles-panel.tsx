/** How a number field is spread: the middle, and what one in a hundred exceeds. */

import { useTimeseries } from '../question/use-timeseries.ts';
import { shownOf } from '../question/words.ts';
import { newest } from '../server/live-answer.ts';
import { AnsweredChart, type MeasureLine } from './answered-chart.tsx';
import { FieldChoice } from './field-choice.tsx';
import { chosen, wholeOf } from './panels.ts';
import type { FieldPanelProps } from './uniques-panel.tsx';

const LINES: readonly MeasureLine[] = [
  { name: 'p50', measure: 0 },
  { name: 'p99', measure: 1 },
];

export function QuantilesPanel({ stream, range, fields, address }: FieldPanelProps) {
  const names = [...fields.keys()];
  const field = chosen(address.parameters.get('field'), names);
  const measures = [0.5, 0.99].map((q) => ({ op: 'quantile', field, q }));
  const rollup = fields.get(field);
  const whole = useTimeseries(rollup && { stream, ...wholeOf(range, rollup), measures });
  const steps = useTimeseries({ stream, last: range.last, measures, fill: 'NULL' });
  const shown = shownOf(field);
  return (
    <section class="panel" aria-labelledby="quantiles-title">
      <h2 id="quantiles-title">
        Spread of <FieldChoice address={address} parameter="field" fields={names} field={field} />
      </h2>
      <dl class="figures">
        {LINES.map(({ name, measure }) => (
          <div key={name}>
            <dt>
              {name} in {range.name}
            </dt>
            <dd data-figure={name}>{shown(newest(whole.data, measure)?.value)}</dd>
          </div>
        ))}
      </dl>
      <AnsweredChart
        title={`p50 and p99 of ${field} over ${range.name}`}
        data={steps.data}
        error={whole.error ?? steps.error}
        again={whole.error ? whole.again : steps.again}
        lines={LINES}
        shown={shown}
      />
    </section>
  );
}
