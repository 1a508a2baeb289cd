/**
 * What an alarm is: the words that rules, the board, notifications and the query side share. Times are epoch
 * milliseconds of event time (a tick is the end of a window), durations milliseconds.
 */
import type { NumberMeasure, RollupFilter } from './rollup.ts';

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The value of a window. `rate` is a count, or with a field its sum, per second of the window. */
export type AlarmMeasure =
  | NumberMeasure
  | { readonly op: 'rate'; readonly field?: string }
  | { readonly op: 'quantile'; readonly field: string; readonly q: number };

/** One side of a band: abnormal past `fire`, normal again only past `clear` (hysteresis; equal if none was asked for). */
export interface Bound {
  readonly fire: number;
  readonly clear: number;
}

/** What a window is compared with: the one before it, or the same times a day or a week earlier. */
export const REFERENCES = ['windowBefore', 'yesterday', 'lastWeek'] as const;
export type Reference = (typeof REFERENCES)[number];

export type AlarmCondition =
  /** Abnormal above or below; at least one is given. */
  | { readonly kind: 'threshold'; readonly above?: Bound; readonly below?: Bound }
  /** Abnormal when value - reference lies above or below; in percent of the reference if `by` says so. */
  | {
      readonly kind: 'change';
      readonly versus: Reference;
      readonly by: 'absolute' | 'percent';
      readonly above?: Bound;
      readonly below?: Bound;
    }
  /** Abnormal when no event at all came in the window. */
  | { readonly kind: 'noData' }
  /**
   * Abnormal when the value lies more than `deviations` robust deviations (1.4826 * MAD) from the median of the
   * same hour of the week over the past `weeks`.
   */
  | {
      readonly kind: 'anomaly';
      readonly deviations: number;
      readonly weeks: number;
      readonly direction: 'up' | 'down' | 'both';
    };

/** What a group becomes whose value cannot be said: no event for a quantile, a zero denominator, no reference. */
export const NO_VALUE_POLICIES = ['noData', 'ok', 'keep', 'firing'] as const;
export type NoValuePolicy = (typeof NO_VALUE_POLICIES)[number];

/** Abnormal for this many whole windows in a row: the severity becomes this. */
export interface Escalation {
  readonly afterWindows: number;
  readonly severity: Severity;
}

export interface AlarmRule {
  /** Unique in its tenant; letters, digits, `_` and `-`, at most 64. */
  readonly name: string;
  readonly tenant: string;
  readonly stream: string;
  readonly measure: AlarmMeasure;
  readonly filter: readonly RollupFilter[];
  /** With it the value is a ratio: `measure` divided by this. */
  readonly over?: { readonly measure: AlarmMeasure; readonly filter: readonly RollupFilter[] };
  /** One alarm per combination of their values. */
  readonly groupBy: readonly string[];
  /** Those of `groupBy` whose values are texts with ids in them: `user 123` groups as `user ?`. */
  readonly normalize: readonly string[];
  /** A multiple of `everyMs`. */
  readonly windowMs: number;
  /** Ticks are its multiples. */
  readonly everyMs: number;
  /** A tick is complete when the watermark is this far behind it; what comes later is not seen by the rule. */
  readonly latenessMs: number;
  readonly condition: AlarmCondition;
  /** Abnormal for so long before it fires. */
  readonly forMs: number;
  /** Normal for so long before it resolves. */
  readonly keepFiringForMs: number;
  readonly onNoValue: NoValuePolicy;
  readonly severity: Severity;
  /** Ascending. */
  readonly escalation: readonly Escalation[];
  /** Names of time intervals in which nobody is notified. */
  readonly suppress: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Texts for people; `{{value}}`, `{{threshold}}` and `{{labels.NAME}}` are filled in. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly groupsMax: number;
  /** A group without events for so long is forgotten; if it was firing, it resolves. */
  readonly forgetAfterMs: number;
}

/**
 * - `ok`: the last window was normal, or abnormal windows have not been seen yet.
 * - `pending`: abnormal, but not for `forMs` yet. Nobody is told.
 * - `firing`: abnormal for `forMs`, and not normal again for `keepFiringForMs`.
 * - `noData`: the value of the last window cannot be said, and the rule's policy is to say so. People are told.
 * - `error`: the rule cannot be evaluated: it has more groups than it may.
 */
export const ALARM_STATES = ['ok', 'pending', 'firing', 'noData', 'error'] as const;
export type AlarmState = (typeof ALARM_STATES)[number];

/** Values of `groupBy` in its order; null where the events had no such field. */
export type GroupValues = readonly (string | null)[];

/** Why a state was entered or left, for people and tests. */
export const TRANSITION_REASONS = [
  'abnormal',
  'abnormalLongEnough',
  'normal',
  'normalLongEnough',
  'noValue',
  'escalated',
  'tooManyGroups',
  'forgotten',
  'ruleChanged',
  'ruleRemoved',
] as const;
export type TransitionReason = (typeof TRANSITION_REASONS)[number];

/** One step of one alarm. `from` equals `to` only in an escalation. */
export interface AlarmTransition {
  readonly tenant: string;
  readonly rule: string;
  readonly group: GroupValues;
  readonly from: AlarmState;
  readonly to: AlarmState;
  readonly reason: TransitionReason;
  /** The tick that caused it: the end of its window. */
  readonly atMs: number;
  /** Of the window; null if it cannot be said. */
  readonly value: number | null;
  /** What it was held against: the bound, or the reference of a change, or the median; null without a value. */
  readonly threshold: number | null;
  readonly severity: Severity;
}
