/**
 * What became of one alarm, and what each group of a receiver has been told of it. An alarm is loud from its first state
 * that people are told of until it is quiet again; what happened in between is one incident with one start. Pure.
 */
import { annotationsOf, labelsOf } from '../../src/alarm/annotations.ts';
import type { AlarmRule, AlarmState, AlarmTransition, Severity } from '../../src/model/alarm.ts';
import type { Acknowledgement } from '../../src/model/alarm-board.ts';
import type { NotifiedAlarm } from '../../src/model/notification.ts';
import { fingerprintOf } from './hashes.ts';
import { ENDED_PER_ENTRY_MAX } from './limits.ts';
import type { Labels } from './matchers.ts';

/** What a group was told last of an alarm that fires. */
interface Told {
  readonly startsAtMs: number;
  readonly state: AlarmState;
  readonly severity: Severity;
}

/** An alarm in one group. Immutable plain data, stored as it is. */
export interface Entry {
  readonly told: Told | null;
  /** It is over, and the group is still to be told. Oldest first. */
  readonly ended: readonly NotifiedAlarm[];
  /** Of those, what was left out for want of room. */
  readonly leftOut: number;
}

/** Stored as it is. */
export interface BoardAlarm {
  readonly id: string;
  readonly tenant: string;
  readonly rule: string;
  /** While it is loud. */
  readonly current: NotifiedAlarm | null;
  readonly acknowledgement: Acknowledgement | null;
  /** By group id. */
  readonly entries: Readonly<Record<string, Entry>>;
}

export const NEW_ENTRY: Entry = { told: null, ended: [], leftOut: 0 };

/** States that people are told of. */
export const isLoud = (state: AlarmState): boolean =>
  state === 'firing' || state === 'noData' || state === 'error';

/** A rule's own error is no group of it, and has none of its labels. */
export function alarmLabels(rule: AlarmRule, alarm: Parameters<typeof labelsOf>[1]): Labels {
  const isOfRule = rule.groupBy.length > 0 && alarm.group.length === 0;
  return labelsOf(isOfRule ? { ...rule, groupBy: [] } : rule, alarm);
}

/** The alarm as it is after a transition to a loud state. */
export function loudAlarm(
  rule: AlarmRule,
  transition: AlarmTransition,
  before: NotifiedAlarm | null,
): NotifiedAlarm {
  const { to, severity, value, threshold, atMs, from, reason } = transition;
  const labels = alarmLabels(rule, transition);
  return {
    status: 'firing',
    state: to,
    severity,
    labels,
    annotations: annotationsOf(rule, labels, value, threshold),
    startsAtMs: before?.startsAtMs ?? atMs,
    value,
    threshold,
    fingerprint: fingerprintOf(labels),
    transition: { from, to, reason, atMs },
  };
}

/** The same after a transition to a quiet state. Its texts stay those of the time when it fired. */
export function resolvedAlarm(current: NotifiedAlarm, transition: AlarmTransition): NotifiedAlarm {
  const { to, value, threshold, atMs, from, reason } = transition;
  return {
    ...current,
    status: 'resolved',
    state: to,
    endsAtMs: atMs,
    value,
    threshold,
    transition: { from, to, reason, atMs },
  };
}

/** The group was told that it fires. */
export const isTold = (entry: Entry, current: NotifiedAlarm): boolean =>
  entry.told?.startsAtMs === current.startsAtMs;

/** The group was not told, or of another state or severity. */
export const isNewTo = ({ told }: Entry, current: NotifiedAlarm): boolean =>
  told?.startsAtMs !== current.startsAtMs ||
  told.state !== current.state ||
  told.severity !== current.severity;

export const toldOf = (entry: Entry, { startsAtMs, state, severity }: NotifiedAlarm): Entry => ({
  ...entry,
  told: { startsAtMs, state, severity },
});

/** `isToTell` false: nobody in the group need hear that it is over. */
export function endedIn(entry: Entry, resolved: NotifiedAlarm, isToTell: boolean): Entry {
  if (!isToTell) return { ...entry, told: null };
  const ended = [...entry.ended, resolved];
  const excess = Math.max(0, ended.length - ENDED_PER_ENTRY_MAX);
  return { told: null, ended: ended.slice(excess), leftOut: entry.leftOut + excess };
}

/** Without what it has been told of now. */
export const withoutEnded = (entry: Entry, told: ReadonlySet<NotifiedAlarm>): Entry => ({
  ...entry,
  ended: entry.ended.filter((alarm) => !told.has(alarm)),
  leftOut: 0,
});
