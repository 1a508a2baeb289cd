/** One event: a line in the list, and all of it once it is opened. */
import { useMemo } from 'preact/hooks';
import { type Address, pathOf } from '../kit/address.ts';
import { CopyButton } from '../kit/copy-button.tsx';
import { grouped, moment, shortLength, wholeMoment } from '../kit/format.ts';
import { Link } from '../kit/link.tsx';
import { conditionOf, type Where } from '../question/condition.ts';
import type { SingleEvent } from '../server/answers.ts';
import { usePage } from '../server/connection.ts';
import { curlOfEvent } from '../server/curl.ts';

export interface EventRowProps {
  readonly event: SingleEvent;
  readonly stream: string;
  readonly isOpen: boolean;
  readonly toggle: (event: SingleEvent) => void;
  readonly narrow: (condition: Where) => void;
  readonly go: Address['go'];
}

/** Of a long text the window shows the beginning. */
const LINE_CHARS_MAX = 400;

/** Made once for each event: others come many times a second. */
export const EventRow = ({ event, stream, isOpen, toggle, narrow, go }: EventRowProps) =>
  useMemo(
    () => (
      <li>
        <button
          type="button"
          class="event-line"
          aria-expanded={isOpen}
          onClick={() => toggle(event)}
        >
          <time title={wholeMoment(event.ts)}>{moment(event.ts)}</time> <b>{event.type ?? '–'}</b>{' '}
          <span class="event-fields">{lineOf(event)}</span>
        </button>
        {isOpen && <WholeEvent event={event} stream={stream} narrow={narrow} go={go} />}
      </li>
    ),
    [event, stream, isOpen, toggle, narrow, go],
  );

const lineOf = ({ fields }: SingleEvent): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
    .slice(0, LINE_CHARS_MAX);

/** As it is sent: what the server added is left out. */
const asSent = ({ id, ts, type, fields }: SingleEvent): object => ({
  ...(id !== null && { id }),
  ts,
  ...(type !== null && { type }),
  ...fields,
});

/** Before and after the event, in which most of what belongs to it is. */
const AROUND_MS = 5_000;

const NARROWINGS = [
  { operator: 'eq', word: 'Only' },
  { operator: 'ne', word: 'Without' },
] as const;

function WholeEvent({ event, stream, narrow, go }: Omit<EventRowProps, 'isOpen' | 'toggle'>) {
  const { session } = usePage();
  const { id, ts, type, arrival, partition, position, row, fields } = event;
  const json = JSON.stringify(asSent(event), undefined, 2);
  const line = curlOfEvent(session, location.hostname, stream, asSent(event));
  const around = pathOf('/events', {
    ...{ stream, from: String(ts - AROUND_MS), to: String(ts + AROUND_MS) },
  });
  const named = { ...(id !== null && { id }), ...(type !== null && { type }), ...fields };
  return (
    <div class="event-whole">
      <table class="event-table">
        <caption class="unseen">Fields</caption>
        <tbody>
          {Object.entries(named).map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="event-value">{String(value)}</td>
              <td class="event-narrow">
                {NARROWINGS.map(({ operator, word }) => (
                  <button
                    key={operator}
                    type="button"
                    class="plain"
                    aria-label={`${word} events whose ${name} is ${value}`}
                    onClick={() => narrow(conditionOf(name, operator, String(value)))}
                  >
                    {word}
                  </button>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <dl class="lines">
        <div>
          <dt>Time</dt>
          <dd>{wholeMoment(ts)}</dd>
        </div>
        <div>
          <dt>Arrival</dt>
          <dd>
            {wholeMoment(arrival)}
            <span class="quiet"> {lagInWords(arrival - ts)}</span>
          </dd>
        </div>
        <div>
          <dt>Position</dt>
          <dd>
            partition {partition}, {grouped(position)}, row {row}
          </dd>
        </div>
      </dl>
      <pre class="code">{json}</pre>
      <details>
        <summary>As a command that sends it again</summary>
        <pre class="code">{line}</pre>
        <p class="quiet">
          {id === null
            ? 'It has no id: sent again, it counts once more.'
            : 'Its id counts once: within the dedup window sending it again changes nothing.'}
        </p>
      </details>
      <p class="actions">
        <CopyButton text={() => json}>Copy as JSON</CopyButton>{' '}
        <CopyButton text={() => line}>Copy as curl</CopyButton>{' '}
        <Link path={around} go={go}>
          All events around it
        </Link>
      </p>
    </div>
  );
}

const lagInWords = (lagMs: number): string => {
  if (lagMs === 0) return 'at once';
  return lagMs > 0 ? `${shortLength(lagMs)} later` : `${shortLength(-lagMs)} before its own time`;
};
