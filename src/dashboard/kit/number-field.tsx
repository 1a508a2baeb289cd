/** A number that counts with each key, and whose text stays as it is written: "0.0" is the way to "0.05". */
import { useEffect, useState } from 'preact/hooks';

export interface NumberFieldProps {
  readonly label: string;
  /** Undefined: there is none. */
  readonly value: number | undefined;
  readonly change: (value: number | undefined) => void;
}

export function NumberField({ label, value, change }: NumberFieldProps) {
  const [text, setText] = useState(textOf(value));
  useEffect(
    () => setText((before) => (numberOf(before) === value ? before : textOf(value))),
    [value],
  );
  return (
    <label>
      {label}
      <input
        type="number"
        step="any"
        value={text}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          change(numberOf(currentTarget.value));
        }}
      />
    </label>
  );
}

const textOf = (value: number | undefined): string => (value === undefined ? '' : String(value));

const numberOf = (text: string): number | undefined => (text === '' ? undefined : Number(text));
