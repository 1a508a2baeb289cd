/** One more condition on the events: which field, how it is compared, with what. */
import { useId, useState } from 'preact/hooks';
import {
  type Condition,
  conditionOf,
  OPERATORS,
  type Operator,
  takesValue,
} from './event-filter.ts';
import { useAsk } from './hooks.ts';

const FIELDS = 'query ($stream: String!) { fields(stream: $stream) { fields { name } } }';
/** Of every event. */
const ROLES = ['id', 'type', 'ts'] as const;

export function ConditionForm({
  stream,
  add,
}: {
  readonly stream: string;
  readonly add: (condition: Condition) => void;
}) {
  const { data } = useAsk<{
    readonly fields: { readonly fields: readonly { readonly name: string }[] };
  }>(FIELDS, { stream });
  const [field, setField] = useState('');
  const [operator, setOperator] = useState<Operator>('eq');
  const [value, setValue] = useState('');
  const listId = useId();
  const submit = (event: Event) => {
    event.preventDefault();
    add(conditionOf(field.trim(), operator, value));
    setField('');
    setValue('');
  };
  return (
    <form class="choices" onSubmit={submit}>
      <label>
        <span class="unseen">Field of a condition</span>
        <input
          list={listId}
          required
          placeholder="field"
          value={field}
          spellcheck={false}
          onInput={({ currentTarget }) => setField(currentTarget.value)}
        />
      </label>
      <datalist id={listId}>
        {[...ROLES, ...(data?.fields.fields ?? []).map(({ name }) => name)].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <select
        aria-label="How it is compared"
        value={operator}
        onChange={({ currentTarget }) =>
          setOperator(OPERATORS.find(({ name }) => name === currentTarget.value)?.name ?? 'eq')
        }
      >
        {OPERATORS.map(({ name, words }) => (
          <option key={name} value={name}>
            {words}
          </option>
        ))}
      </select>
      {takesValue(operator) && (
        <label>
          <span class="unseen">Value of a condition</span>
          <input
            placeholder="value"
            value={value}
            spellcheck={false}
            onInput={({ currentTarget }) => setValue(currentTarget.value)}
          />
        </label>
      )}
      <button type="submit">Add condition</button>
    </form>
  );
}
