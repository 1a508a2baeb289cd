/** The rules that are judged, and one of them opened: to be read, tried and changed. */

import { useState } from 'preact/hooks';
import { SERVER_STREAM } from '../../model/server-alarms.ts';
import type { Address } from '../kit/address.ts';
import { counted, grouped, moment, wholeMoment } from '../kit/format.ts';
import { Scroll } from '../kit/scroll.tsx';
import { usePage } from '../server/connection.ts';
import { may } from '../server/session.ts';
import type { AlarmRule } from './alarm-answers.ts';
import { ruleInWords } from './rule-draft.ts';
import { RuleEditor } from './rule-editor.tsx';

export interface RulesSectionProps {
  readonly rules: readonly AlarmRule[];
  readonly address: Address;
  readonly changed: () => void;
}

export function RulesSection({ rules, address, changed }: RulesSectionProps) {
  const { session } = usePage();
  const opened = address.parameters.get('rule');
  const open = (rule: string | undefined) => address.set({ rule });
  // Just saved, and not among the rules that were asked for before that.
  const [saved, setSaved] = useState<string>();
  const rule = rules.find(({ name }) => name === opened);
  const isNew = opened === '';
  const ofServer = rules.filter(({ stream }) => stream === SERVER_STREAM);
  const own = rules.filter((each) => !ofServer.includes(each));
  return (
    <section id="rules" class="section" aria-labelledby="rules-title">
      <h2 id="rules-title">Rules</h2>
      {own.length === 0 && <p>No rule is declared.</p>}
      {own.length > 0 && <RuleTable title="Table of rules" rules={own} opened={rule} open={open} />}
      {ofServer.length > 0 && (
        <details open={rule?.stream === SERVER_STREAM}>
          <summary>{counted(ofServer.length, 'rule')} about the server itself</summary>
          <RuleTable
            title="Table of the server's rules"
            rules={ofServer}
            opened={rule}
            open={open}
          />
        </details>
      )}
      {opened !== null && opened !== '' && opened !== saved && rule === undefined && (
        <p role="alert" class="refused">
          There is no rule "{opened}".
        </p>
      )}
      {(isNew || rule) && (
        <RuleEditor
          key={opened}
          rule={rule}
          close={(name) => {
            setSaved(name);
            open(name);
            changed();
          }}
        />
      )}
      {may(session, 'admin') ? (
        !isNew && (
          <p class="actions">
            <button type="button" onClick={() => open('')}>
              New rule
            </button>
          </p>
        )
      ) : (
        <p class="quiet">To change what is here takes a key with scope "admin".</p>
      )}
    </section>
  );
}

interface RuleTableProps {
  readonly title: string;
  readonly rules: readonly AlarmRule[];
  readonly opened: AlarmRule | undefined;
  readonly open: (name: string | undefined) => void;
}

const RuleTable = ({ title, rules, opened, open }: RuleTableProps) => (
  <Scroll label={title}>
    <table>
      <thead>
        <tr>
          <th scope="col">Rule</th>
          <th scope="col">Abnormal is</th>
          <th scope="col">Severity</th>
          <th scope="col">Groups now</th>
          <th scope="col">Judged to</th>
          <th scope="col">Declared in</th>
        </tr>
      </thead>
      <tbody>
        {rules.map((rule) => (
          <tr key={rule.name}>
            <th scope="row">
              <button
                type="button"
                class="plain"
                aria-expanded={rule === opened}
                onClick={() => open(rule === opened ? undefined : rule.name)}
              >
                {rule.name}
              </button>
            </th>
            <td>{ruleInWords(rule)}</td>
            <td>{rule.severity}</td>
            <td>{statesInWords(rule)}</td>
            <td title={rule.progress === null ? undefined : wholeMoment(rule.progress)}>
              {rule.progress === null ? 'not yet' : moment(rule.progress)}
            </td>
            <td>{rule.declaredIn === 'config' ? 'configuration' : 'here'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);

const statesInWords = ({ states }: AlarmRule): string => {
  const there = states.filter(({ count }) => count > 0);
  return there.map(({ state, count }) => `${grouped(count)} ${state}`).join(', ') || '–';
};
