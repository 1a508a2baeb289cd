/** Which of several fields a panel is about, kept in the address. */
import type { Address } from '../kit/address.ts';

export interface FieldChoiceProps {
  readonly address: Address;
  readonly parameter: string;
  readonly fields: readonly string[];
  readonly field: string;
}

export function FieldChoice({ address, parameter, fields, field }: FieldChoiceProps) {
  if (fields.length === 1) return <span>{field}</span>;
  return (
    <select
      aria-label="Field"
      value={field}
      onChange={({ currentTarget: { value } }) => address.set({ [parameter]: value })}
    >
      {fields.map((each) => (
        <option key={each}>{each}</option>
      ))}
    </select>
  );
}
