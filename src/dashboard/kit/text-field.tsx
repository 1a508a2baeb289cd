/** A field whose text counts once somebody is done with it; what is drawn anew meanwhile does not take it away. */
import { useEffect, useId, useState } from 'preact/hooks';

export interface SettledInputProps {
  readonly value: string;
  readonly settle: (value: string) => void;
  /** Attributes of the input. */
  readonly input?: object;
}

export function SettledInput({ value, settle, input = {} }: SettledInputProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <input
      spellcheck={false}
      {...input}
      value={text}
      onInput={({ currentTarget }) => setText(currentTarget.value)}
      onChange={({ currentTarget }) => settle(currentTarget.value)}
    />
  );
}

export interface TextFieldProps extends SettledInputProps {
  readonly label: string;
  /** As wide as there is room. */
  readonly isWide?: boolean;
}

export function TextField({ label, isWide = false, input, ...props }: TextFieldProps) {
  const id = useId();
  return (
    <label class={isWide ? 'grow' : undefined} for={id}>
      {label}
      <SettledInput {...props} input={{ ...input, id }} />
    </label>
  );
}
