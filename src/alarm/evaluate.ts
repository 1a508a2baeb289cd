/**
 * The state machine of one group of one rule: what it was, what its window says, what it is. Pure; the clock is
 * the tick. docs/alarms.md has the same as a table for people.
 */
import type {
  AlarmRule,
  AlarmState,
  Escalation,
  Severity,
  TransitionReason,
} from '../model/alarm.ts';
import { SEVERITIES } from '../model/alarm.ts';
import type { Verdict } from './judge.ts';

/** A group that is not ok; one that is ok has no such state. Immutable plain data, stored as it is. */
export interface ActiveState {
  readonly state: Exclude<AlarmState, 'ok'>;
  /** The tick at which it came to this state. */
  readonly sinceMs: number;
  readonly severity: Severity;
  /** The first tick of the abnormal ones without interruption; null while it is none of them. */
  readonly abnormalSinceMs: number | null;
  /** While firing: the first tick of the normal ones without interruption. */
  readonly normalSinceMs: number | null;
}

/** `reason` is there if this is a transition: the state or the severity is another one. */
export interface Step {
  readonly next: ActiveState | undefined;
  readonly reason?: TransitionReason;
}

type Judged = 'abnormal' | 'normal' | 'noData' | 'unchanged';

/** `before` and the result are undefined for a group that is ok. */
export function step(
  rule: AlarmRule,
  before: ActiveState | undefined,
  verdict: Verdict,
  atMs: number,
): Step {
  const judged: Judged = verdict === 'unknown' ? byPolicy(rule, before) : verdict;
  switch (judged) {
    case 'abnormal':
      return abnormal(rule, before, atMs);
    case 'normal':
      return normal(rule, before, atMs);
    case 'noData':
      return before?.state === 'noData'
        ? { next: before }
        : { next: entered('noData', reached(rule, before), atMs, null), reason: 'noValue' };
    case 'unchanged':
      return { next: before };
  }
}

/** With `keep` the last verdict stays in force, so that `for`, `keepFiringFor` and escalation go on. */
function byPolicy(rule: AlarmRule, before: ActiveState | undefined): Judged {
  switch (rule.onNoValue) {
    case 'noData':
      return 'noData';
    case 'ok':
      return 'normal';
    case 'firing':
      return 'abnormal';
    case 'keep':
      if (before?.state === 'pending') return 'abnormal';
      if (before?.state === 'firing') return before.normalSinceMs === null ? 'abnormal' : 'normal';
      return 'unchanged';
  }
}

function abnormal(rule: AlarmRule, before: ActiveState | undefined, atMs: number): Step {
  if (before?.state === 'firing') return stillFiring(rule, before, atMs);
  const sinceMs = before?.state === 'pending' ? (before.abnormalSinceMs ?? atMs) : atMs;
  if (atMs - sinceMs >= rule.forMs) {
    const reason = before?.state === 'pending' ? 'abnormalLongEnough' : 'abnormal';
    const severity = higher(reached(rule, before), severityAfter(rule, atMs - sinceMs));
    return { next: entered('firing', severity, atMs, sinceMs), reason };
  }
  return before?.state === 'pending'
    ? { next: before }
    : { next: entered('pending', rule.severity, atMs, atMs), reason: 'abnormal' };
}

/** The severity rises while windows stay abnormal and falls only by resolving: nobody is paged twice for one thing. */
function stillFiring(rule: AlarmRule, before: ActiveState, atMs: number): Step {
  const isInterrupted = before.normalSinceMs !== null;
  const abnormalSinceMs = isInterrupted ? atMs : (before.abnormalSinceMs ?? atMs);
  const severity = higher(before.severity, severityAfter(rule, atMs - abnormalSinceMs));
  if (severity !== before.severity) {
    return {
      next: { ...before, severity, abnormalSinceMs, normalSinceMs: null },
      reason: 'escalated',
    };
  }
  return { next: isInterrupted ? { ...before, abnormalSinceMs, normalSinceMs: null } : before };
}

function normal(rule: AlarmRule, before: ActiveState | undefined, atMs: number): Step {
  if (before === undefined) return OK;
  if (before.state !== 'firing') return { next: undefined, reason: 'normal' };
  const normalSinceMs = before.normalSinceMs ?? atMs;
  if (atMs - normalSinceMs >= rule.keepFiringForMs) {
    return {
      next: undefined,
      reason: before.normalSinceMs === null ? 'normal' : 'normalLongEnough',
    };
  }
  return {
    next:
      before.normalSinceMs === null ? { ...before, normalSinceMs, abnormalSinceMs: null } : before,
  };
}

const OK: Step = { next: undefined };

function entered(
  state: ActiveState['state'],
  severity: Severity,
  atMs: number,
  abnormalSinceMs: number | null,
): ActiveState {
  return { state, sinceMs: atMs, severity, abnormalSinceMs, normalSinceMs: null };
}

function severityAfter(rule: AlarmRule, abnormalForMs: number): Severity {
  const isDue = ({ afterWindows }: Escalation) => abnormalForMs >= afterWindows * rule.windowMs;
  return rule.escalation.findLast(isDue)?.severity ?? rule.severity;
}

/** What it has risen to: without data it is still the same alarm. */
const reached = (rule: AlarmRule, before: ActiveState | undefined): Severity =>
  before?.severity ?? rule.severity;

function higher(a: Severity, b: Severity): Severity {
  return SEVERITIES.indexOf(a) >= SEVERITIES.indexOf(b) ? a : b;
}
