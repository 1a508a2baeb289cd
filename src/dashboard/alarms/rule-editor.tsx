/** One rule: what it says, when it would have fired, and how it is changed. What the form has no field for is in its JSON. */
import { useEffect, useState } from 'preact/hooks';
import { AskTwice } from '../kit/ask-twice.tsx';
import { TextField } from '../kit/text-field.tsx';
import { usePage } from '../server/connection.ts';
import { Refused } from '../server/quality.tsx';
import { may } from '../server/session.ts';
import { useCommand } from '../server/use-command.ts';
import type { AlarmRule, FieldFilter } from './alarm-answers.ts';
import { ConditionFields } from './condition-fields.tsx';
import {
  draftOf,
  filterOf,
  filterText,
  NEW_RULE,
  type RuleDraft,
  readDraft,
} from './rule-draft.ts';
import { RuleTrial } from './rule-trial.tsx';

const PUT = `mutation ($rule: AlarmRuleInput!, $isNew: Boolean!) {
  result: putRule(rule: $rule, isNew: $isNew) { problems { path message } }
}`;
const REMOVE =
  'mutation ($name: String!) { result: removeRule(name: $name) { problems { path message } } }';
const SEVERITIES = ['info', 'warning', 'critical'] as const;

export interface RuleEditorProps {
  /** Undefined: a new one. */
  readonly rule: AlarmRule | undefined;
  /** With the name of the rule that is there now. */
  readonly close: (name: string | undefined) => void;
}

export function RuleEditor({ rule, close }: RuleEditorProps) {
  const { session } = usePage();
  const [draft, setDraft] = useState<RuleDraft>(() => (rule ? draftOf(rule) : NEW_RULE));
  const { run, isRunning, error } = useCommand();
  const mayChange = may(session, 'admin') && rule?.declaredIn !== 'config';
  const set = (changes: RuleDraft) => setDraft((before) => ({ ...before, ...changes }));
  const save = async (event: Event) => {
    event.preventDefault();
    if (await run(PUT, { rule: draft, isNew: rule === undefined })) close(String(draft['name']));
  };
  const filter = filterText((draft['filter'] ?? []) as readonly FieldFilter[]);
  const text = (label: string, name: string, input: object = {}) => (
    <TextField
      label={label}
      value={String(draft[name] ?? '')}
      settle={(value) => set({ [name]: value === '' ? undefined : value })}
      input={input}
    />
  );
  return (
    <div class="rule-editor">
      <h3>{rule === undefined ? 'New rule' : rule.name}</h3>
      {rule?.declaredIn === 'config' && (
        <p class="quiet">It is declared in the configuration, and is changed there.</p>
      )}
      <form onSubmit={(event) => void save(event)}>
        <fieldset disabled={!mayChange}>
          <legend class="unseen">What the rule says</legend>
          <div class="choices">
            {text('Name', 'name', { required: true, readOnly: rule !== undefined })}
            {text('Stream', 'stream')}
            {text('Measure', 'measure', { placeholder: 'quantile(duration_ms, 0.99)' })}
            {text('Window', 'window', { size: 6, required: true })}
            <TextField
              label="Events with"
              value={filter ?? 'in the JSON'}
              settle={(value) => set({ filter: filterOf(value) })}
              input={{
                placeholder: 'type=error,fatal; country=DE',
                disabled: filter === undefined,
              }}
            />
            <TextField
              label="One alarm for each"
              value={((draft['groupBy'] ?? []) as readonly string[]).join(', ')}
              settle={(value) => set({ groupBy: namesIn(value) })}
              input={{ placeholder: 'country, user' }}
            />
          </div>
          <div class="choices">
            <ConditionFields draft={draft} change={setDraft} />
            {text('For', 'for', { size: 6, placeholder: 'at once' })}
            <label>
              Severity
              <select
                value={String(draft['severity'] ?? 'warning')}
                onChange={({ currentTarget: { value } }) => set({ severity: value })}
              >
                {SEVERITIES.map((each) => (
                  <option key={each}>{each}</option>
                ))}
              </select>
            </label>
          </div>
          <Json draft={draft} change={setDraft} />
        </fieldset>
        <RuleTrial draft={draft} />
        <p class="actions">
          {mayChange && (
            <button type="submit" disabled={isRunning}>
              Save rule
            </button>
          )}{' '}
          <button type="button" onClick={() => close(undefined)}>
            Close
          </button>{' '}
          {mayChange && rule !== undefined && (
            <AskTwice
              first="Remove rule"
              then={`Remove ${rule.name} and end its alarms`}
              isRunning={isRunning}
              run={async () => {
                if (await run(REMOVE, { name: rule.name })) close(undefined);
              }}
            />
          )}
        </p>
        {error && <Refused error={error} />}
      </form>
    </div>
  );
}

const namesIn = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

interface JsonProps {
  readonly draft: RuleDraft;
  readonly change: (draft: RuleDraft) => void;
}

/** The whole rule, as the configuration has it. */
function Json({ draft, change }: JsonProps) {
  const written = JSON.stringify(draft, undefined, 2);
  const [text, setText] = useState(written);
  const [isBroken, setIsBroken] = useState(false);
  useEffect(() => setText(written), [written]);
  const settle = () => {
    const read = readDraft(text);
    setIsBroken(read === undefined);
    if (read !== undefined) change(read);
  };
  return (
    <details>
      <summary>As JSON, with what the form leaves out</summary>
      <textarea
        class="code"
        rows={12}
        spellcheck={false}
        aria-label="The rule as JSON"
        aria-invalid={isBroken}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onChange={settle}
      />
      {isBroken && (
        <p role="alert" class="refused">
          This is no rule as JSON: expected an object with "filter" and "groupBy" as lists. The rule
          is as it was before.
        </p>
      )}
    </details>
  );
}
