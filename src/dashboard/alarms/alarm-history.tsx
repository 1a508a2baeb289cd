/** What alarms became, the newest first: of one rule, or of all. */
import { useState } from 'preact/hooks';
import { Pager } from '../kit/pager.tsx';
import { labelsInWords } from '../server/alarm-labels.ts';
import type { Label } from '../server/answers.ts';
import { useAskOn } from '../server/hooks.ts';
import { Unanswered } from '../server/quality.tsx';
import type { StateChange } from './alarm-answers.ts';
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

export function AlarmHistory({ rule, occasion }: { rule: string | undefined; occasion: number }) {
  const [after, setAfter] = useState<string>();
  const { data, error } = useAskOn<{
    readonly alarmHistory: {
      readonly entries: readonly Entry[];
      readonly nextCursor: string | null;
    };
  }>(occasion, HISTORY, { rule, after });
  const { entries = [], nextCursor = null } = data?.alarmHistory ?? {};
  return (
    <section id="alarm-history" class="section" aria-labelledby="alarm-history-title">
      <h2 id="alarm-history-title">History{rule !== undefined && ` of ${rule}`}</h2>
      <Unanswered data={data} error={error} />
      {data && entries.length === 0 && <p>No alarm has changed.</p>}
      {entries.length > 0 && (
        <StateChanges
          title="Changes of alarms"
          changes={entries.map((entry) => ({
            ...entry,
            of: `${entry.rule} ${labelsInWords(entry.labels)}`,
          }))}
        />
      )}
      <Pager after={after} next={nextCursor} show={setAfter} />
    </section>
  );
}
