/** Fields to choose from, and which of them are answered by a rollup. */
import type { OfferedFields } from './offered.ts';

export interface FieldOptionsProps {
  readonly offered: OfferedFields;
  /** Is there also if nobody offers it. */
  readonly chosen?: string | undefined;
  readonly except?: readonly string[];
}

export function FieldOptions({ offered, chosen, except = [] }: FieldOptionsProps) {
  const { kept, others } = offered;
  const isOffered = chosen === undefined || kept.includes(chosen) || others.includes(chosen);
  return (
    <>
      {!isOffered && <option>{chosen}</option>}
      <Group label="Kept by a rollup: live" fields={kept} except={except} />
      <Group label="From the events: slower" fields={others} except={except} />
    </>
  );
}

interface GroupProps {
  readonly label: string;
  readonly fields: readonly string[];
  readonly except: readonly string[];
}

function Group({ label, fields, except }: GroupProps) {
  const left = fields.filter((field) => !except.includes(field));
  if (left.length === 0) return null;
  return (
    <optgroup label={label}>
      {left.map((field) => (
        <option key={field}>{field}</option>
      ))}
    </optgroup>
  );
}
