/** A field whose text counts once somebody is done with it; what is drawn anew meanwhile does not take it away. */
import { useEffect, useState } from 'preact/hooks';

export interface TextFieldProps {
  readonly label: string;
  readonly value: string;
  readonly settle: (value: string) => void;
  /** As wide as there is room. */
  readonly isWide?: boolean;
  /** Attributes of the input. */
  readonly input?: object;
}

export function TextField({ label, value, settle, isWide = false, input = {} }: TextFieldProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <label class={isWide ? 'grow' : undefined}>
      {label}
      <input
        spellcheck={false}
        {...input}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onChange={({ currentTarget }) => settle(currentTarget.value)}
      />
    </label>
  );
}
