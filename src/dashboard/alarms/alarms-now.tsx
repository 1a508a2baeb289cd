/** What is not ok now: who is at it, who is not told of it, and the two things that one does about it. */
import { useState } from 'preact/hooks';
import { grouped, moment, shortNumber, wholeMoment } from '../kit/format.ts';
import { labelsInWords } from '../server/alarm-labels.ts';
import { usePage } from '../server/connection.ts';
import { Refused } from '../server/quality.tsx';
import { may } from '../server/session.ts';
import { useCommand } from '../server/use-command.ts';
import type { AlarmNow, AlarmRule } from './alarm-answers.ts';
import { unitsOfRule } from './rule-draft.ts';

export interface AlarmsNowProps {
  readonly alarms: readonly AlarmNow[];
  /** Of all that are not ok, of which the first are in `alarms`. */
  readonly total: number;
  readonly firing: number;
  readonly rules: readonly AlarmRule[];
  readonly changed: () => void;
  /** Begins a silence with these matchers. */
  readonly silence: (matchers: readonly string[]) => void;
}

export function AlarmsNow({ alarms, total, firing, rules, changed, silence }: AlarmsNowProps) {
  return (
    <section class="section" aria-labelledby="now-title">
      <h2 id="now-title">Now</h2>
      <p role="status">
        {total === 0
          ? 'Nothing fires, and nothing is pending.'
          : `${grouped(firing)} firing, ${grouped(total - firing)} pending or without a value.`}
        {total > alarms.length && ` The first ${alarms.length} are shown.`}
      </p>
      <ul class="rows">
        {alarms.map((alarm) => (
          <AlarmRow
            key={alarm.id}
            alarm={alarm}
            rule={rules.find(({ name }) => name === alarm.rule)}
            changed={changed}
            silence={silence}
          />
        ))}
      </ul>
    </section>
  );
}

const ACKNOWLEDGE = `mutation ($alarm: ID!, $comment: String!) {
  result: acknowledge(alarm: $alarm, comment: $comment) { problems { path message } }
}`;
const UNACKNOWLEDGE =
  'mutation ($alarm: ID!) { result: unacknowledge(alarm: $alarm) { problems { path message } } }';

interface AlarmRowProps extends Pick<AlarmsNowProps, 'changed' | 'silence'> {
  readonly alarm: AlarmNow;
  /** Undefined: it was removed just now. */
  readonly rule: AlarmRule | undefined;
}

function AlarmRow({ alarm, rule: judging, changed, silence }: AlarmRowProps) {
  const { session } = usePage();
  const { id, rule, labels, annotations, state, severity, since, value, acknowledgement } = alarm;
  const { run, isRunning, error } = useCommand(changed);
  const shown = judging === undefined ? shortNumber : unitsOfRule(judging).value;
  const [comment, setComment] = useState('');
  const acknowledge = (event: Event) => {
    event.preventDefault();
    void run(ACKNOWLEDGE, { alarm: id, comment });
  };
  const summary = annotations.find(({ name }) => name === 'summary')?.value;
  return (
    <li class="alarm">
      <span class={`severity ${severity}`}>{severity}</span> <b>{state}</b>{' '}
      <span class="grow">
        {rule} <span class="quiet">{labelsInWords(labels)}</span>
        {summary && <span class="quiet"> {summary}</span>}
      </span>
      {value !== null && <span class="number">{shown(value)}</span>}
      {since !== null && (
        <time class="quiet" title={wholeMoment(since)}>
          since {moment(since)}
        </time>
      )}
      <p class="actions alarm-actions">
        <QuietNote alarm={alarm} />
        {may(session, 'admin') && (
          <>
            {acknowledgement === null ? (
              <form class="inline" onSubmit={acknowledge}>
                <input
                  aria-label={`Comment on ${rule}`}
                  placeholder="comment"
                  value={comment}
                  onInput={({ currentTarget }) => setComment(currentTarget.value)}
                />{' '}
                <button type="submit" disabled={isRunning}>
                  Acknowledge
                </button>
              </form>
            ) : (
              <button
                type="button"
                disabled={isRunning}
                onClick={() => void run(UNACKNOWLEDGE, { alarm: id })}
              >
                Take back
              </button>
            )}{' '}
            <button type="button" onClick={() => silence(matchersOf(alarm))}>
              Silence
            </button>
          </>
        )}
      </p>
      {error && <Refused error={error} />}
    </li>
  );
}

/** Why nobody is told just now. */
function QuietNote({ alarm }: { alarm: AlarmNow }) {
  const { acknowledgement, silencedBy, inhibited, suppressed } = alarm;
  if (!acknowledgement && silencedBy.length === 0 && !inhibited && !suppressed) return null;
  return (
    <span class="quiet">
      {acknowledgement &&
        `Acknowledged by ${acknowledgement.author} at ${moment(acknowledgement.at)}${
          acknowledgement.comment === '' ? '' : `: ${acknowledgement.comment}`
        }. `}
      {silencedBy.length > 0 && 'Silenced. '}
      {inhibited && 'Hidden by another alarm that fires. '}
      {suppressed && 'In a time in which nobody is told. '}
    </span>
  );
}

/** A silence holds for whatever severity it reaches. */
const matchersOf = ({ labels }: AlarmNow): string[] =>
  labels
    .filter(({ name, value }) => value !== null && name !== 'severity' && name !== 'tenant')
    .map(({ name, value }) => `${name}=${value}`);
