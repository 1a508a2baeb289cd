/** What alarms became, the newest first: of one rule, or of all. */
import { useState } from 'preact/hooks';
import { Pager } from '../kit/pager.tsx';
import { labelsInWords } from '../server/alarm-labels.ts';
import type { Label } from '../server/answers.ts';
import { Unanswered } from '../server/quality.tsx';
import { useAskOn } from '../server/use-ask.ts';
import type { AlarmRule, StateChange } from './alarm-answers.ts';
import { unitsOfRule } from './rule-draft.ts';
import { type RuleUnits, unitsOf } from './rule-measure.ts';
import { StateChanges } from './state-changes.tsx';

const HISTORY = `query ($rule: String, $after: String) {
  alarmHistory(rule: $rule, after: $after, first: 30) {
    nextCursor
    entries { id rule labels { name value } group from to reason at value threshold severity }
  }
}`;

interface Entry extends StateChange {
  readonly id: string;
  readonly rule: string;
  readonly labels: readonly Label[];
}

export interface AlarmHistoryProps {
  /** Of which one; undefined: of all. */
  readonly rule: string | undefined;
  readonly rules: readonly AlarmRule[];
  readonly occasion: number;
}

export function AlarmHistory({ rule, rules, occasion }: AlarmHistoryProps) {
  const [after, setAfter] = useState<string>();
  const { data, error, again } = useAskOn<{
    readonly alarmHistory: {
      readonly entries: readonly Entry[];
      readonly nextCursor: string | null;
    };
  }>(occasion, HISTORY, { rule, after });
  const { entries = [], nextCursor = null } = data?.alarmHistory ?? {};
  return (
    <section id="alarm-history" class="section" aria-labelledby="alarm-history-title">
      <h2 id="alarm-history-title">History{rule !== undefined && ` of ${rule}`}</h2>
      <Unanswered data={data} error={error} again={again} />
      {data && entries.length === 0 && <p>No alarm has changed.</p>}
      {entries.length > 0 && (
        <StateChanges
          title="Changes of alarms"
          changes={entries.map((entry) => ({
            ...entry,
            of: `${entry.rule} ${labelsInWords(entry.labels)}`,
            units: unitsIn(rules, entry.rule),
          }))}
        />
      )}
      <Pager after={after} next={nextCursor} show={setAfter} />
    </section>
  );
}

/** Of a rule that was removed nobody knows what it has measured. */
function unitsIn(rules: readonly AlarmRule[], name: string): RuleUnits {
  const rule = rules.find((each) => each.name === name);
  return rule === undefined ? unitsOf({ isThreshold: false }) : unitsOfRule(rule);
}
