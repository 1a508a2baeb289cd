/** Silences: whom nobody is told of for a while, and why. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { moment, wholeMoment } from '../kit/format.ts';
import { usePage } from '../server/connection.ts';
import { Refused } from '../server/quality.tsx';
import { may } from '../server/session.ts';
import { useCommand } from '../server/use-command.ts';
import type { Silence } from './alarm-answers.ts';

const END = 'mutation ($id: ID!) { result: expireSilence(id: $id) { problems { path message } } }';
const ADD = `mutation ($silence: SilenceInput!) {
  result: addSilence(silence: $silence) { problems { path message } }
}`;
/** Those that have ended are kept for days. */
const ENDED_SHOWN = 5;

export interface SilencesSectionProps {
  readonly silences: readonly Silence[];
  /** Somebody wants to silence what these match. */
  readonly wanted: readonly string[];
  readonly changed: () => void;
}

export function SilencesSection({ silences, wanted, changed }: SilencesSectionProps) {
  const { session } = usePage();
  const { run, isRunning, error } = useCommand(changed);
  const open = silences.filter(({ state }) => state !== 'expired');
  const ended = silences
    .filter(({ state }) => state === 'expired')
    .sort((a, b) => b.endsAt - a.endsAt)
    .slice(0, ENDED_SHOWN);
  return (
    <section id="silences" class="section" aria-labelledby="silences-title">
      <h2 id="silences-title">Silences</h2>
      {open.length === 0 && <p>Nothing is silenced.</p>}
      {error && <Refused error={error} />}
      <ul class="rows">
        {[...open, ...ended].map(({ id, state, matchers, startsAt, endsAt, author, comment }) => (
          <li key={id}>
            <b>{WORDS[state]}</b>
            <span class="grow">
              <code>{matchers.join(' ')}</code> {comment} <span class="quiet">({author})</span>
            </span>
            <span class="quiet" title={`${wholeMoment(startsAt)} – ${wholeMoment(endsAt)}`}>
              {moment(startsAt)} – {moment(endsAt)}
            </span>
            {state !== 'expired' && may(session, 'admin') && (
              <button type="button" disabled={isRunning} onClick={() => void run(END, { id })}>
                End it
              </button>
            )}
          </li>
        ))}
      </ul>
      {may(session, 'admin') && <NewSilence wanted={wanted} changed={changed} />}
    </section>
  );
}

const WORDS: Readonly<Record<Silence['state'], string>> = {
  active: 'holds',
  pending: 'will hold',
  expired: 'has ended',
};
const LENGTHS = [
  { lasts: '30m', name: '30 minutes' },
  { lasts: '2h', name: '2 hours' },
  { lasts: '1d', name: 'a day' },
  { lasts: '7d', name: 'a week' },
] as const;

function NewSilence({ wanted, changed }: Pick<SilencesSectionProps, 'wanted' | 'changed'>) {
  const { run, isRunning, error } = useCommand(changed);
  const [matchers, setMatchers] = useState('');
  const [lasts, setLasts] = useState('2h');
  const [comment, setComment] = useState('');
  const why = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (wanted.length === 0) return;
    setMatchers(wanted.join('\n'));
    why.current?.focus();
  }, [wanted]);
  const add = async (event: Event) => {
    event.preventDefault();
    const lines = matchers.split('\n').map((line) => line.trim());
    const silence = { matchers: lines.filter((line) => line !== ''), lasts, comment };
    if (await run(ADD, { silence })) {
      setMatchers('');
      setComment('');
    }
  };
  return (
    <form class="choices" onSubmit={(event) => void add(event)}>
      <label class="grow">
        Matchers, one a line; all of them hold
        <textarea
          class="code"
          rows={3}
          required
          spellcheck={false}
          placeholder={'alertname=errors\nservice=~api|web'}
          value={matchers}
          onInput={({ currentTarget }) => setMatchers(currentTarget.value)}
        />
      </label>
      <label>
        For
        <select value={lasts} onChange={({ currentTarget }) => setLasts(currentTarget.value)}>
          {LENGTHS.map((each) => (
            <option key={each.lasts} value={each.lasts}>
              {each.name}
            </option>
          ))}
        </select>
      </label>
      <label class="grow">
        Why
        <input
          ref={why}
          required
          value={comment}
          onInput={({ currentTarget }) => setComment(currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={isRunning}>
        Add silence
      </button>
      {error && <Refused error={error} />}
    </form>
  );
}
