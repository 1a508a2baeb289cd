/** A name or a title that has to be there, as long as the server takes it. */
import { NAME_CHARS_MAX } from './dashboard-answers.ts';

export interface NameFieldProps {
  readonly label: string;
  readonly value: string;
  readonly change: (value: string) => void;
  readonly placeholder?: string;
}

export const NameField = ({ label, value, change, placeholder }: NameFieldProps) => (
  <label class="grow">
    {label}
    <input
      required
      maxLength={NAME_CHARS_MAX}
      placeholder={placeholder}
      value={value}
      onInput={({ currentTarget }) => change(currentTarget.value)}
    />
  </label>
);
