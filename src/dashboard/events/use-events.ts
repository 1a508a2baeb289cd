/** Events that fit a filter: a page of those that are there, then each as it is committed. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Where, whereOf } from '../question/condition.ts';
import type { EventPage, TailMessage } from '../server/answers.ts';
import { usePage } from '../server/connection.ts';
import { type AskError, ask } from '../server/graph.ts';
import { useFailure } from '../server/use-ask.ts';
import type { EventFilter } from './event-filter.ts';
import {
  type EventList,
  NO_EVENTS,
  released,
  withNewest,
  withOlder,
  withTold,
} from './event-list.ts';

/** What is asked for at a time. */
export const EVENTS_PAGE = 50;
const FIELDS = 'id ts type arrival partition position row fields';
const EVENTS = `query ($stream: String!, $from: Timestamp, $to: Timestamp, $where: EventWhere, $contains: String, $after: String) {
  events(stream: $stream, from: $from, to: $to, where: $where, contains: $contains, after: $after, first: ${EVENTS_PAGE}) {
    nextCursor events { ${FIELDS} }
  }
}`;
/** More nobody reads; the server picks evenly, and says how many others there were. */
export const EVENTS_PER_SECOND = 20;
const TAIL = `subscription ($stream: String!, $where: EventWhere, $contains: String) {
  tail(stream: $stream, where: $where, contains: $contains, maxPerSecond: ${EVENTS_PER_SECOND}) { skipped events { ${FIELDS} } }
}`;
/** Messages come up to 20 times a second. */
const SHOWN_EVERY_MS = 200;

interface Question {
  readonly stream: string;
  readonly from?: number;
  readonly to?: number;
  readonly where?: Where;
  readonly contains?: string;
}

const questionOf = ({ stream, fromMs, toMs, conditions, contains }: EventFilter): Question => {
  const where = whereOf(conditions);
  return {
    stream,
    ...(fromMs !== undefined && { from: fromMs }),
    ...(toMs !== undefined && { to: toMs }),
    ...(where && { where }),
    ...(contains !== '' && { contains }),
  };
};

/** What is told live has no range of its own. */
function tailOf({ from, where, ...question }: Question): object {
  if (from === undefined) return { ...question, where };
  const since = { field: 'ts', gte: from };
  return { ...question, where: where === undefined ? since : { and: [where, since] } };
}

const pageOf = async (question: Question, after?: string): Promise<EventPage> =>
  (await ask<{ readonly events: EventPage }>(EVENTS, { ...question, after })).events;

export interface Events {
  readonly list: EventList;
  readonly error: AskError | undefined;
  readonly askOlder: () => void;
}

/** While the list is held, what comes waits, and nothing in it moves. */
export function useEvents(filter: EventFilter, isHeld: boolean): Events {
  const { live } = usePage();
  const [list, setList] = useState(NO_EVENTS);
  const { error, failed, forget } = useFailure();
  const held = useRef(isHeld);
  held.current = isHeld;
  const question = JSON.stringify(questionOf(filter));
  const current = useRef<Question>(undefined);
  const isAskingOlder = useRef(false);

  useEffect(() => {
    const asked: Question = JSON.parse(question);
    let isWanted = true;
    let untold: TailMessage[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    setList(NO_EVENTS);
    forget();
    current.current = asked;
    const askNewest = () =>
      void pageOf(asked).then(
        (page) => {
          if (!isWanted) return;
          forget();
          setList((before) => withNewest(before, page, held.current));
        },
        (reason: unknown) => isWanted && failed(reason),
      );
    const show = () => {
      const messages = untold;
      untold = [];
      timer = undefined;
      setList((before) => withTold(before, messages, held.current));
    };
    const told = ({ tail }: { readonly tail: TailMessage }) => {
      // Telling begins, also anew: from now on nothing is missed.
      if (tail.events.length === 0 && tail.skipped === 0) return askNewest();
      untold.push(tail);
      timer ??= setTimeout(show, SHOWN_EVERY_MS);
    };
    const isLive = asked.to === undefined;
    if (!isLive) askNewest();
    const end = isLive ? live.subscribe(TAIL, tailOf(asked), { told, failed }) : undefined;
    return () => {
      isWanted = false;
      clearTimeout(timer);
      end?.();
    };
  }, [live, question, failed, forget]);
  useEffect(() => {
    if (!isHeld) setList(released);
  }, [isHeld]);

  const askOlder = () => {
    const { cursor } = list;
    const asked = current.current;
    if (cursor === null || asked === undefined || isAskingOlder.current) return;
    const isWanted = () => asked === current.current;
    isAskingOlder.current = true;
    pageOf(asked, cursor)
      .then((page) => {
        if (!isWanted()) return;
        forget();
        setList((before) => withOlder(before, page));
      })
      .catch((reason: unknown) => isWanted() && failed(reason))
      .finally(() => {
        isAskingOlder.current = false;
      });
  };
  return { list, error, askOlder };
}
