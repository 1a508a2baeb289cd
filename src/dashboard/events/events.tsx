/** Single events: those that fit the filter, the newest first, and each new one as it is committed. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type Address, pathOf } from '../kit/address.ts';
import { counted, grouped, moment, wholeMoment } from '../kit/format.ts';
import { PauseButton, usePause } from '../kit/pause.tsx';
import { type Where, whereOf } from '../question/condition.ts';
import type { SingleEvent } from '../server/answers.ts';
import { Refused, Waiting } from '../server/quality.tsx';
import { type EventFilter, parametersOf, readFilter } from './event-filter.ts';
import { type EventList, keyOf, ROWS_MAX } from './event-list.ts';
import { EventRow } from './event-row.tsx';
import { EventsFilter } from './events-filter.tsx';
import { EVENTS_PAGE, EVENTS_PER_SECOND, useEvents } from './use-events.ts';

export function Events({ address }: { address: Address }) {
  const read = readFilter(address.parameters);
  return (
    <>
      <div class="bar">
        <h1>Events</h1>
      </div>
      {read.ok ? (
        <Found address={address} filter={read.filter} />
      ) : (
        <p role="alert" class="refused">
          {read.problem}{' '}
          <button type="button" class="plain" onClick={() => address.go('/events')}>
            Show all events
          </button>
        </p>
      )}
    </>
  );
}

function Found({ address, filter }: { address: Address; filter: EventFilter }) {
  const { isPaused, toggle: togglePause, goOn } = usePause('.event-line');
  const [opened, setOpened] = useState<string>();
  const top = useRef<HTMLDivElement>(null);
  const isScrolled = useScrolledPast(top);
  const isHeld = isPaused || isScrolled || opened !== undefined;
  const { list, error, askOlder } = useEvents(filter, isHeld);

  const current = useRef(filter);
  current.current = filter;
  const { visit } = address;
  // Another filter, or that of before, finds others.
  const given = address.parameters.toString();
  useEffect(() => setOpened(undefined), [given]);
  const change = useCallback(
    (changes: Partial<EventFilter>) => visit(parametersOf({ ...current.current, ...changes })),
    [visit],
  );
  const narrow = useCallback(
    (condition: Where) => change({ conditions: [...current.current.conditions, condition] }),
    [change],
  );
  const toggle = useCallback((event: SingleEvent) => {
    const key = keyOf(event);
    setOpened((before) => (before === key ? undefined : key));
  }, []);
  const showWaiting = () => {
    goOn();
    setOpened(undefined);
    top.current?.scrollIntoView();
  };
  const last = list.rows.at(-1);
  return (
    <>
      <EventsFilter filter={filter} change={change} />
      <div ref={top} />
      <div class="bar event-bar">
        {filter.toMs === undefined ? (
          <>
            <PauseButton isPaused={isPaused} toggle={togglePause} />
            <span data-figure="following">
              {isPaused ? 'Paused' : isHeld ? 'Held while you read' : 'Live'}
              {isHeld && `, ${grouped(list.waiting.length)} behind`}
            </span>
            {list.waiting.length > 0 && (
              <button type="button" class="plain" onClick={showWaiting}>
                Show them
              </button>
            )}
          </>
        ) : (
          <>
            <span title={wholeMoment(filter.toMs)}>Before {moment(filter.toMs)}</span>
            <button type="button" onClick={() => change({ toMs: undefined })}>
              Go live
            </button>
          </>
        )}
        <Exports filter={filter} />
      </div>
      {error && <Refused error={error} />}
      <Missed list={list} />
      {!list.isAnswered && list.rows.length === 0 && error === undefined && <Waiting />}
      {list.isAnswered && list.rows.length === 0 && (
        <p>
          No event fits.{' '}
          {filter.toMs === undefined && 'The first one that does is shown here by itself.'}
        </p>
      )}
      <ul class="events" aria-label="Events, the newest first">
        {list.rows.map((event) => (
          <EventRow
            key={keyOf(event)}
            event={event}
            stream={filter.stream}
            isOpen={keyOf(event) === opened}
            toggle={toggle}
            narrow={narrow}
            go={address.go}
          />
        ))}
      </ul>
      {last && (
        <p class="actions">
          <span class="quiet">{counted(list.rows.length, 'event')} shown.</span>{' '}
          {mayGrow(list) ? (
            list.cursor !== null && (
              <button type="button" onClick={askOlder}>
                Older ones
              </button>
            )
          ) : (
            <button
              type="button"
              onClick={() => {
                change({ toMs: last.ts + 1 });
                top.current?.scrollIntoView();
              }}
            >
              Go on from {moment(last.ts)}
            </button>
          )}
        </p>
      )}
    </>
  );
}

const mayGrow = ({ rows, isCut }: EventList): boolean =>
  !isCut && rows.length + EVENTS_PAGE <= ROWS_MAX;

function Missed({ list: { skipped, missesSome } }: { list: EventList }) {
  if (skipped === 0 && !missesSome) return null;
  return (
    <p class="quiet" data-figure="skipped">
      {skipped > 0 &&
        `${grouped(skipped)} not shown: of more than ${EVENTS_PER_SECOND} a second some are picked. `}
      {missesSome && 'Some were missed while the server was not heard. '}A range shows all of them.
    </p>
  );
}

function Exports({ filter }: { filter: EventFilter }) {
  const { stream, fromMs, toMs, conditions, contains } = filter;
  const where = whereOf(conditions);
  const href = (format: string) =>
    pathOf('/v1/export', {
      ...{ stream, from: fromMs?.toString(), to: toMs?.toString(), format },
      where: where && JSON.stringify(where),
      contains: contains === '' ? undefined : contains,
    });
  return (
    <span class="quiet exports">
      All that fit, as{' '}
      <a href={href('ndjson')} download>
        NDJSON
      </a>{' '}
      <a href={href('csv')} download>
        CSV
      </a>
    </span>
  );
}

/** Whether the first rows are out of sight: then new ones above them would be, too. */
function useScrolledPast(top: { readonly current: HTMLElement | null }): boolean {
  const [isPast, setIsPast] = useState(false);
  useEffect(() => {
    const element = top.current;
    if (element === null) return undefined;
    const look = () => setIsPast(element.getBoundingClientRect().top < 0);
    addEventListener('scroll', look, { passive: true });
    return () => removeEventListener('scroll', look);
  }, [top]);
  return isPast;
}
