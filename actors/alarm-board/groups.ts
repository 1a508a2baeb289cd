/**
 * Alarms of one message, as in Alertmanager: the first message of a new group after `groupWait`, one with something new
 * every `groupInterval` at most, a repeat every `repeatInterval`. Unlike there, what has fired and resolved between two
 * messages is told of. Pure.
 */
import type { NotifiedAlarm, Route } from '../../src/model/notification.ts';
import { ALARMS_PER_MESSAGE_MAX } from './limits.ts';
import type { Labels } from './matchers.ts';
import type { Target } from './routing.ts';
import { type Entry, isNewTo, isTold } from './told.ts';

/** Stored as it is. */
export interface SavedGroup {
  readonly id: string;
  readonly tenant: string;
  readonly receiver: string;
  readonly groupKey: string;
  readonly labels: Labels;
  readonly createdMs: number;
  /** When the newest message was made; null before the first. */
  readonly flushedMs: number | null;
}

export interface Group {
  saved: SavedGroup;
  /** Undefined if the configuration no longer has it: then only ends are told of. */
  route: Route | undefined;
  /** Ids of alarms that have an entry. */
  readonly members: Set<string>;
  /** Something may have changed that it has not been told of. */
  hasNews: boolean;
}

export function newGroup(target: Target, nowMs: number): Group {
  const { groupId, receiver, route, groupKey, groupLabels } = target;
  const { tenant, name } = receiver;
  const saved: SavedGroup = {
    id: groupId,
    tenant,
    receiver: name,
    groupKey,
    labels: groupLabels,
    createdMs: nowMs,
    flushedMs: null,
  };
  return { saved, route, members: new Set(), hasNews: true };
}

/** A message may be made now, if there is something to say. */
export function isDue({ saved, route, hasNews }: Group, nowMs: number): boolean {
  const { createdMs, flushedMs } = saved;
  if (flushedMs === null) return hasNews && hasPassed(createdMs, route?.groupWaitMs ?? 0, nowMs);
  if (hasNews && hasPassed(flushedMs, route?.groupIntervalMs ?? 0, nowMs)) return true;
  return isRepeatDue({ saved, route }, nowMs);
}

/** A clock that was set back to before it does not hold up what is new until it comes there again. */
const hasPassed = (sinceMs: number, waitMs: number, nowMs: number): boolean =>
  nowMs >= sinceMs + waitMs || nowMs < sinceMs;

function isRepeatDue({ saved, route }: Pick<Group, 'saved' | 'route'>, nowMs: number): boolean {
  const { flushedMs } = saved;
  return route !== undefined && flushedMs !== null && nowMs >= flushedMs + route.repeatIntervalMs;
}

/** One alarm as its group sees it now. */
export interface Member {
  readonly id: string;
  readonly entry: Entry;
  /** Undefined unless it is loud and this group is one to be told of it. */
  readonly current: NotifiedAlarm | undefined;
  /** Silenced or inhibited: that it fires is not told of now. */
  readonly isHushed: boolean;
  /** In one of its rule's times of silence: nothing is. */
  readonly isSuppressed: boolean;
  readonly isAcknowledged: boolean;
}

interface Line {
  readonly id: string;
  readonly alarm: NotifiedAlarm;
}

export interface Message {
  readonly lines: readonly Line[];
  readonly truncated: number;
}

/** `message` is undefined if nothing is to be said; `hasNews`: something is still to be told of, later. */
export interface Composed {
  readonly message: Message | undefined;
  readonly hasNews: boolean;
}

/** What comes first is what the group has not been told of, so that it has room. */
export function compose(group: Group, members: Iterable<Member>, nowMs: number): Composed {
  const ended: Line[] = [];
  const fresh: Line[] = [];
  const known: Line[] = [];
  let isHeldBack = false;
  let wantsRepeat = false;
  let leftOut = 0;
  for (const { id, entry, current, isHushed, isSuppressed, isAcknowledged } of members) {
    const isNew = current !== undefined && isNewTo(entry, current);
    if (isSuppressed) {
      if (isNew || entry.ended.length > 0) isHeldBack = true;
      continue;
    }
    leftOut += entry.leftOut;
    for (const alarm of entry.ended) ended.push({ id, alarm });
    if (current === undefined) continue;
    if (isHushed) {
      if (isNew) isHeldBack = true;
      continue;
    }
    (isNew ? fresh : known).push({ id, alarm: current });
    if (!isAcknowledged && isTold(entry, current)) wantsRepeat = true;
  }
  const isRepeat = wantsRepeat && isRepeatDue(group, nowMs);
  if (ended.length + fresh.length === 0 && !isRepeat) {
    return { message: undefined, hasNews: isHeldBack };
  }
  const all = [ended, fresh, known].flatMap((part) => part.sort(byStart));
  const lines = all.slice(0, ALARMS_PER_MESSAGE_MAX);
  return {
    message: { lines, truncated: all.length - lines.length + leftOut },
    hasNews: isHeldBack || ended.length + fresh.length > lines.length,
  };
}

/** An order that does not depend on how the board came to know of them. */
const byStart = ({ alarm: a }: Line, { alarm: b }: Line): number =>
  a.startsAtMs - b.startsAtMs ||
  (a.fingerprint < b.fingerprint ? -1 : a.fingerprint > b.fingerprint ? 1 : 0) ||
  (a.endsAtMs ?? 0) - (b.endsAtMs ?? 0);
