/** Which time is looked at: one that ends now and is live, or from one moment to another, on the clock of a zone. */
import { useState } from 'preact/hooks';
import { moment } from '../kit/format.ts';
import { epochMsOf, localTimeOf, VIEWERS_ZONE } from '../kit/local-time.ts';
import { RadioRow } from '../kit/radio-row.tsx';
import { type AskedRange, LASTS, type Question } from '../question/question.ts';

export interface RangeChoiceProps {
  readonly question: Question;
  readonly choose: (changes: Pick<Question, 'range'> & Partial<Question>) => void;
}

export function RangeChoice({ question, choose }: RangeChoiceProps) {
  const { range, timeZone } = question;
  const last = 'last' in range ? range.last : undefined;
  const isOther = last !== undefined && LASTS.every((each) => each.last !== last);
  return (
    <>
      <RadioRow
        legend="Time range"
        name="range"
        options={[...LASTS, ...(isOther ? [{ last, name: last }] : [])].map((each) => ({
          value: each.last,
          text: each.name,
          isChosen: each.last === last,
          choose: () => choose({ range: { last: each.last } }),
        }))}
      />
      <details class="from-to">
        <summary>
          {'from' in range
            ? `${moment(range.from, Date.now(), timeZone)} – ${moment(range.to, Date.now(), timeZone)}`
            : 'From … to …'}
        </summary>
        <FromTo key={JSON.stringify([range, timeZone])} question={question} choose={choose} />
      </details>
    </>
  );
}

const HOUR_MS = 3_600_000;

function FromTo({ question: { range, timeZone }, choose }: RangeChoiceProps) {
  const [zone, setZone] = useState(timeZone ?? VIEWERS_ZONE);
  const [shown] = useState(() => shownRange(range));
  const [from, setFrom] = useState(localTimeOf(shown.from, zone));
  const [to, setTo] = useState(localTimeOf(shown.to, zone));
  const begin = epochMsOf(from, zone);
  const end = epochMsOf(to, zone);
  const isRange = begin !== undefined && end !== undefined && begin < end;
  const apply = (event: Event) => {
    event.preventDefault();
    if (!isRange) return;
    const other = zone === VIEWERS_ZONE ? undefined : zone;
    choose({ range: { from: begin, to: end }, timeZone: other });
  };
  return (
    <form class="condition" onSubmit={apply}>
      <input
        type="datetime-local"
        step={1}
        aria-label="From"
        required
        value={from}
        onInput={({ currentTarget }) => setFrom(currentTarget.value)}
      />
      <input
        type="datetime-local"
        step={1}
        aria-label="To"
        required
        value={to}
        onInput={({ currentTarget }) => setTo(currentTarget.value)}
      />
      <select
        aria-label="Time zone"
        value={zone}
        onChange={({ currentTarget: { value } }) => setZone(value)}
      >
        {[...new Set([VIEWERS_ZONE, 'UTC', zone])].map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
      <button type="submit" disabled={!isRange}>
        Show
      </button>
      {!isRange && <p class="quiet">The end has to lie after the beginning.</p>}
    </form>
  );
}

const shownRange = (range: AskedRange): { from: number; to: number } =>
  'from' in range ? range : { from: Date.now() - HOUR_MS, to: Date.now() };
