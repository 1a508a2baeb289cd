/** When a rule would have fired, judged by the server on what it keeps: nobody is told, nothing is stored. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { AsOf } from '../kit/as-of.tsx';
import { counted, moment } from '../kit/format.ts';
import { Unanswered } from '../server/quality.tsx';
import { useAsk } from '../server/use-ask.ts';
import { problemsInWords } from '../server/use-command.ts';
import type { RuleTest } from './alarm-answers.ts';
import { type JudgedSeries, RuleChart } from './rule-chart.tsx';
import { type RuleDraft, thresholdsOf, unitsOfDraft } from './rule-draft.ts';
import { SERIES, seriesVariables, TRIALS } from './rule-question.ts';
import { StateChanges } from './state-changes.tsx';

const TEST = `query ($rule: AlarmRuleInput!, $from: Timestamp!, $to: Timestamp!) {
  testRule(rule: $rule, from: $from, to: $to) {
    ticks from to truncated problems { path message }
    changes { group from to reason at value threshold severity }
  }
}`;
/** After the last key that somebody has pressed. */
const TRIED_AFTER_MS = 600;
/** Of the newest: the chart has them all. */
const CHANGES_SHOWN = 20;

export function RuleTrial({ draft }: { draft: RuleDraft }) {
  const [trial, setTrial] = useState<(typeof TRIALS)[number]>(TRIALS[0]);
  const settled = useSettled(draft);
  const [occasion, setOccasion] = useState({});
  const nowMs = useMemo(() => Date.now(), [settled, trial, occasion]);
  // What it is called says nothing of when it fires.
  const rule = { ...settled, name: settled['name'] || 'unnamed' };
  const { data, error, again } = useAsk<{ readonly testRule: RuleTest }>(TEST, {
    ...{ rule, from: nowMs - trial.ms, to: nowMs },
  });
  // What was judged before says nothing of what could not be.
  const test = error === undefined ? data?.testRule : undefined;
  const units = unitsOfDraft(settled);
  const variables = seriesVariables(settled, trial, nowMs);
  return (
    <section class="trial" aria-label="When it would have fired">
      <p>
        <label>
          In the last{' '}
          <select
            value={trial.name}
            onChange={({ currentTarget: { value } }) =>
              setTrial(TRIALS.find(({ name }) => name === value) ?? TRIALS[0])
            }
          >
            {TRIALS.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>{' '}
        <span role="status">{test && inWords(test)}</span>{' '}
        {test && <AsOf answer={test} again={() => setOccasion({})} />}
      </p>
      <Unanswered data={test} error={error} again={again} />
      {test && test.problems.length > 0 && (
        <p class="quiet">It cannot be tried: {problemsInWords(test.problems)}</p>
      )}
      {variables && <Values variables={variables} draft={settled} test={test} />}
      {test && test.changes.length > 0 && (
        <details>
          <summary>What it would have become</summary>
          <StateChanges
            title="Changes that would have been"
            changes={test.changes
              .slice(-CHANGES_SHOWN)
              .reverse()
              .map((change) => ({ ...change, units, of: change.group.join(', ') || 'the rule' }))}
          />
        </details>
      )}
    </section>
  );
}

function inWords({ changes, ticks, from, truncated, problems }: RuleTest): string {
  if (problems.length > 0 || ticks === 0 || from === null) return 'there is nothing to judge.';
  const times = changes.filter((each) => each.to === 'firing' && each.from !== 'firing').length;
  const judged = `${counted(ticks, 'window')} since ${moment(from)}`;
  if (times === 0) return `it would not have fired in ${judged}.`;
  return `it would have fired ${counted(times, 'time')}${truncated ? ' or more' : ''} in ${judged}.`;
}

interface ValuesProps {
  readonly variables: object;
  readonly draft: RuleDraft;
  readonly test: RuleTest | undefined;
}

function Values({ variables, draft, test }: ValuesProps) {
  const { data, error } = useAsk<{
    readonly timeseries: { readonly series: readonly JudgedSeries[] };
  }>(SERIES, variables);
  const thresholds = useMemo(() => thresholdsOf(draft), [draft]);
  if (error !== undefined) return <p class="quiet">There is no chart of it: {error.message}</p>;
  if (data === undefined) return null;
  const { series } = data.timeseries;
  if (series.length === 0) return <p class="quiet">No event of this kind has come in that time.</p>;
  return (
    <RuleChart
      series={series}
      thresholds={thresholds}
      changes={test?.changes ?? NOTHING}
      shown={unitsOfDraft(draft).value}
    />
  );
}

const NOTHING: RuleTest['changes'] = [];

function useSettled<Value>(value: Value): Value {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), TRIED_AFTER_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
