/** The events of the page: those that were found, and above them what has come since. Pure, so that it is tested without a browser. */
import type { EventPage, SingleEvent, TailMessage } from '../server/answers.ts';

/** What a browser scrolls and a person looks through; whoever wants more narrows the filter, or exports. */
export const ROWS_MAX = 500;

export interface EventList {
  /** The newest first. */
  readonly rows: readonly SingleEvent[];
  /** What has come while the list is held, the newest first. */
  readonly waiting: readonly SingleEvent[];
  /** Leads to what is older than the last row; null: nothing is. */
  readonly cursor: string | null;
  /** Rows have made room for newer ones: `cursor` does not go on from the last one any more. */
  readonly isCut: boolean;
  /** Events that fit and are not here, because more came than are told. */
  readonly skipped: number;
  /** Others were missed, too, and nobody has counted them. */
  readonly missesSome: boolean;
  /** The first answer has come. */
  readonly isAnswered: boolean;
}

export const NO_EVENTS: EventList = {
  rows: [],
  waiting: [],
  cursor: null,
  isCut: false,
  skipped: 0,
  missesSome: false,
  isAnswered: false,
};

/** Names an event for ever. */
export const keyOf = ({ partition, position, row }: SingleEvent): string =>
  `${partition}.${position}.${row}`;

/** What was told live, in its order. */
export function withTold(
  list: EventList,
  messages: readonly TailMessage[],
  isHeld: boolean,
): EventList {
  const told = messages.flatMap(({ events }) => events).reverse();
  const skipped = messages.reduce((sum, message) => sum + (message.skipped ?? 0), list.skipped);
  const missesSome = list.missesSome || messages.some((message) => message.skipped === null);
  return withNewer({ ...list, skipped, missesSome }, told, isHeld);
}

/**
 * The newest page, asked when telling begins. The first one is what there was before; a later one follows a lost connection, and says
 * what has come meanwhile.
 */
export function withNewest(list: EventList, page: EventPage, isHeld: boolean): EventList {
  const fresh = unknownOf(list, page.events);
  if (list.isAnswered) {
    const reachesBack = fresh.length < page.events.length || page.nextCursor === null;
    return withNewer({ ...list, missesSome: list.missesSome || !reachesBack }, fresh, isHeld);
  }
  const rows = [...list.rows, ...fresh];
  return cut({ ...list, rows, cursor: page.nextCursor, isAnswered: true });
}

/** The page behind the last row. */
export const withOlder = (list: EventList, page: EventPage): EventList =>
  list.isCut
    ? list
    : cut({
        ...list,
        rows: [...list.rows, ...unknownOf(list, page.events)],
        cursor: page.nextCursor,
      });

/** What has waited takes its place. */
export const released = (list: EventList): EventList =>
  list.waiting.length === 0
    ? list
    : cut({ ...list, rows: [...list.waiting, ...list.rows], waiting: [] });

function withNewer(list: EventList, events: readonly SingleEvent[], isHeld: boolean): EventList {
  const fresh = unknownOf(list, events);
  if (!isHeld)
    return cut({ ...list, rows: [...fresh, ...list.waiting, ...list.rows], waiting: [] });
  const waiting = [...fresh, ...list.waiting];
  const left = Math.max(0, waiting.length - ROWS_MAX);
  return { ...list, waiting: waiting.slice(0, ROWS_MAX), skipped: list.skipped + left };
}

function unknownOf({ rows, waiting }: EventList, events: readonly SingleEvent[]) {
  const known = new Set([...waiting, ...rows].map(keyOf));
  return events.filter((event) => !known.has(keyOf(event)));
}

const cut = (list: EventList): EventList =>
  list.rows.length <= ROWS_MAX
    ? list
    : { ...list, rows: list.rows.slice(0, ROWS_MAX), isCut: true };
