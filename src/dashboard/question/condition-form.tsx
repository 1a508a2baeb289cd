/** One more condition: on which field, how it is compared, with what. */
import { useId, useRef, useState } from 'preact/hooks';
import { conditionOf, OPERATORS, type Operator, takesValue, type Where } from './condition.ts';

export interface ConditionFormProps {
  /** To choose from: any other name does as well. */
  readonly fields: readonly string[];
  readonly samplesOf: (field: string) => readonly string[];
  readonly operators: readonly Operator[];
  readonly add: (condition: Where) => void;
  /** `/` leads here. */
  readonly isSearch?: boolean;
}

export function ConditionForm(props: ConditionFormProps) {
  const { fields, samplesOf, operators, add, isSearch = false } = props;
  const [field, setField] = useState('');
  const [operator, setOperator] = useState<Operator>('eq');
  const [value, setValue] = useState('');
  const first = useRef<HTMLInputElement>(null);
  const id = useId();
  const submit = (event: Event) => {
    event.preventDefault();
    add(conditionOf(field.trim(), operator, value));
    setField('');
    setValue('');
    first.current?.focus();
  };
  return (
    <form class="condition" onSubmit={submit}>
      <input
        ref={first}
        list={`${id}-fields`}
        aria-label="Field to filter by"
        aria-keyshortcuts={isSearch ? '/' : undefined}
        placeholder="field"
        required
        spellcheck={false}
        value={field}
        onInput={({ currentTarget }) => setField(currentTarget.value)}
      />
      <Options id={`${id}-fields`} values={fields} />
      <select
        aria-label="How it is compared"
        value={operator}
        onChange={({ currentTarget }) => setOperator(currentTarget.value as Operator)}
      >
        {OPERATORS.filter(({ name }) => operators.includes(name)).map(({ name, sign }) => (
          <option key={name} value={name}>
            {sign}
          </option>
        ))}
      </select>
      {takesValue(operator) && (
        <input
          list={`${id}-values`}
          aria-label="Value to compare with"
          placeholder={operator === 'in' ? 'one, another' : 'value'}
          spellcheck={false}
          value={value}
          onInput={({ currentTarget }) => setValue(currentTarget.value)}
        />
      )}
      <Options id={`${id}-values`} values={samplesOf(field)} />
      <button type="submit">Add</button>
    </form>
  );
}

const Options = ({ id, values }: { id: string; values: readonly string[] }) => (
  <datalist id={id}>
    {values.map((value) => (
      <option key={value} value={value} />
    ))}
  </datalist>
);
