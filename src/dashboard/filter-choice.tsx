/** Which events are meant: conditions on fields, all of which hold. */
import { useRef, useState } from 'preact/hooks';
import type { FieldStatistics, Rollup } from './answers.ts';
import { fieldsForLabels } from './offered.ts';
import type { Where } from './question.ts';
import { conditionText } from './words.ts';

export interface FilterChoiceProps {
  readonly conditions: readonly Where[];
  readonly rollups: readonly Rollup[];
  readonly fields: readonly FieldStatistics[];
  readonly choose: (conditions: readonly Where[]) => void;
}

const SIGNS = [
  { part: 'eq', sign: '=' },
  { part: 'ne', sign: '≠' },
  { part: 'in', sign: 'in' },
  { part: 'prefix', sign: 'begins with' },
  { part: 'gte', sign: '≥' },
  { part: 'gt', sign: '>' },
  { part: 'lte', sign: '≤' },
  { part: 'lt', sign: '<' },
  { part: 'there', sign: 'is there' },
  { part: 'absent', sign: 'is absent' },
] as const;
type Part = (typeof SIGNS)[number]['part'];

const WITHOUT_VALUE: readonly Part[] = ['there', 'absent'];

export function FilterChoice({ conditions, rollups, fields, choose }: FilterChoiceProps) {
  const [field, setField] = useState('');
  const [part, setPart] = useState<Part>('eq');
  const [value, setValue] = useState('');
  const first = useRef<HTMLInputElement>(null);
  const { kept, others } = fieldsForLabels(rollups, fields);
  const samples = fields.find(({ name }) => name === field)?.samples ?? [];
  const add = (event: Event) => {
    event.preventDefault();
    choose([...conditions, conditionOf(field.trim(), part, value)]);
    setField('');
    setValue('');
    first.current?.focus();
  };
  return (
    <fieldset class="choice">
      <legend>Filter</legend>
      {conditions.length > 0 && (
        <ul class="chips">
          {conditions.map((condition, i) => {
            const text = conditionText(condition);
            return (
              <li key={text}>
                {text}{' '}
                <button
                  type="button"
                  class="plain"
                  aria-label={`Remove ${text}`}
                  onClick={() => choose(conditions.filter((_, at) => at !== i))}
                >
                  ×
                </button>
              </li>
            );
          })}
        </ul>
      )}
      <form class="condition" onSubmit={add}>
        <input
          ref={first}
          list="filter-fields"
          aria-label="Field to filter by"
          aria-keyshortcuts="/"
          id="filter-field"
          placeholder="field"
          required
          value={field}
          onInput={({ currentTarget }) => setField(currentTarget.value)}
        />
        <datalist id="filter-fields">
          {[...kept, ...others].map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
        <select
          aria-label="How it is compared"
          value={part}
          onChange={({ currentTarget }) => setPart(currentTarget.value as Part)}
        >
          {SIGNS.map((each) => (
            <option key={each.part} value={each.part}>
              {each.sign}
            </option>
          ))}
        </select>
        {!WITHOUT_VALUE.includes(part) && (
          <input
            list="filter-values"
            aria-label="Value to compare with"
            placeholder={part === 'in' ? 'one, another' : 'value'}
            value={value}
            onInput={({ currentTarget }) => setValue(currentTarget.value)}
          />
        )}
        <datalist id="filter-values">
          {samples.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
        <button type="submit">Add</button>
      </form>
    </fieldset>
  );
}

function conditionOf(field: string, part: Part, value: string): Where {
  switch (part) {
    case 'there':
      return { field, exists: true };
    case 'absent':
      return { field, exists: false };
    case 'in':
      return { field, in: value.split(',').map((each) => each.trim()) };
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      // A number is compared with numbers, a text with texts.
      return { field, [part]: isNumber(value) ? Number(value) : value };
    case 'eq':
    case 'ne':
    case 'prefix':
      return { field, [part]: value };
  }
}

const isNumber = (text: string): boolean => text.trim() !== '' && Number.isFinite(Number(text));
