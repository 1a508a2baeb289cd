/** One line per value of some fields. */

import { Chips } from '../kit/chips.tsx';
import { GROUP_BY_MAX } from '../question/question.ts';
import type { FieldStatistics, Rollup } from '../server/answers.ts';
import { FieldOptions } from './field-options.tsx';
import { fieldsForLabels } from './offered.ts';

export interface GroupChoiceProps {
  readonly groupBy: readonly string[];
  readonly rollups: readonly Rollup[];
  readonly fields: readonly FieldStatistics[];
  readonly choose: (groupBy: readonly string[]) => void;
}

export function GroupChoice({ groupBy, rollups, fields, choose }: GroupChoiceProps) {
  return (
    <fieldset class="choice">
      <legend>Group by</legend>
      <Chips
        label="Grouped by"
        texts={groupBy}
        remove={(place) => choose(groupBy.filter((_, i) => i !== place))}
      >
        {groupBy.length < GROUP_BY_MAX && (
          <select
            aria-label="Field to group by"
            value=""
            onChange={({ currentTarget: { value } }) => choose([...groupBy, value])}
          >
            <option value="">{groupBy.length === 0 ? 'nothing' : 'and by'}</option>
            <FieldOptions offered={fieldsForLabels(rollups, fields)} except={groupBy} />
          </select>
        )}
      </Chips>
    </fieldset>
  );
}
