/** Which events are meant: conditions on fields, all of which hold. */

import { Chips } from '../kit/chips.tsx';
import { conditionText, OPERATORS, type Where } from '../question/condition.ts';
import { ConditionForm } from '../question/condition-form.tsx';
import type { FieldStatistics, Rollup } from '../server/answers.ts';
import { fieldsForLabels } from './offered.ts';

export interface FilterChoiceProps {
  readonly conditions: readonly Where[];
  readonly rollups: readonly Rollup[];
  readonly fields: readonly FieldStatistics[];
  readonly choose: (conditions: readonly Where[]) => void;
}

/** Labels of a rollup are compared as a whole. */
const OF_LABELS = OPERATORS.map(({ name }) => name).filter((name) => name !== 'contains');

export function FilterChoice({ conditions, rollups, fields, choose }: FilterChoiceProps) {
  const { kept, others } = fieldsForLabels(rollups, fields);
  return (
    <fieldset class="choice">
      <legend>Filter</legend>
      <Chips
        label="Conditions, all of which hold"
        texts={conditions.map(conditionText)}
        remove={(place) => choose(conditions.filter((_, i) => i !== place))}
      />
      <ConditionForm
        fields={[...kept, ...others]}
        samplesOf={(field) => fields.find(({ name }) => name === field)?.samples ?? []}
        operators={OF_LABELS}
        add={(condition) => choose([...conditions, condition])}
        isSearch={true}
      />
    </fieldset>
  );
}
