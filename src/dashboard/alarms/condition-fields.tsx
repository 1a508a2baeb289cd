/** When a rule's value is abnormal: bounds in fields; of the other kinds a beginning, for its JSON. */
import { NumberField } from '../kit/number-field.tsx';
import type { Bound } from './alarm-answers.ts';
import { fireOf, type RuleDraft } from './rule-draft.ts';

/** What each kind begins with. */
const KINDS = {
  threshold: { words: 'past a threshold', begin: { above: 100 } },
  noData: { words: 'without any event', begin: { noData: true } },
  change: {
    words: 'changed too much',
    begin: { change: { versus: 'windowBefore', by: 'percent', above: 50 } },
  },
  anomaly: {
    words: 'unlike other weeks',
    begin: { anomaly: { deviations: 4, weeks: 4, direction: 'both' } },
  },
} as const;
type Kind = keyof typeof KINDS;

export interface ConditionFieldsProps {
  readonly draft: RuleDraft;
  readonly change: (draft: RuleDraft) => void;
}

export function ConditionFields({ draft, change }: ConditionFieldsProps) {
  const kind = kindOf(draft);
  const { above: _, below: __, noData: ___, change: ____, anomaly: _____, ...rest } = draft;
  return (
    <>
      <label>
        Abnormal is
        <select
          value={kind}
          onChange={({ currentTarget: { value } }) =>
            change({ ...rest, ...KINDS[value as Kind].begin })
          }
        >
          {Object.entries(KINDS).map(([name, { words }]) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
      </label>
      {kind === 'threshold' &&
        (['above', 'below'] as const).map((side) => (
          <NumberField
            key={side}
            label={side === 'above' ? 'Above' : 'Below'}
            value={numberIn(draft[side])}
            change={(fire) => change(withBound(draft, side, fire))}
          />
        ))}
    </>
  );
}

const kindOf = (draft: RuleDraft): Kind =>
  (['noData', 'change', 'anomaly'] as const).find((kind) => draft[kind] !== undefined) ??
  'threshold';

const numberIn = (bound: unknown): number | undefined =>
  bound == null ? undefined : fireOf(bound as Bound);

/** Its other side, past which it is normal again, stays. */
function withBound(draft: RuleDraft, side: 'above' | 'below', fire: number | undefined): RuleDraft {
  const { [side]: before, ...rest } = draft;
  if (fire === undefined) return rest;
  const hasClear = typeof before === 'object' && before !== null;
  return { ...rest, [side]: hasClear ? { ...before, fire } : fire };
}
