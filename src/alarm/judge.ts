/** One window of one group against the rule's condition: normal, abnormal, or nothing that can be said. */
import type { AlarmCondition, Bound } from '../model/alarm.ts';
import { type Baseline, deviationsOf } from './robust.ts';

/** What is known of a window. NaN stands for a value that cannot be said: no event for a quantile, a zero denominator. */
export interface Reading {
  value: number;
  hasEvents: boolean;
  /** The value of the window that a change is measured from. */
  reference: number;
  /** Of an anomaly; undefined if there are too few samples. */
  baseline: Baseline | undefined;
}

export type Verdict = 'normal' | 'abnormal' | 'unknown';

/** `isActive`: the group is pending or firing, so that the bounds to clear it hold. Allocates nothing. */
export function judge(condition: AlarmCondition, reading: Reading, isActive: boolean): Verdict {
  switch (condition.kind) {
    case 'noData':
      return reading.hasEvents ? 'normal' : 'abnormal';
    case 'threshold':
      return within(reading.value, condition.above, condition.below, isActive);
    case 'change': {
      const change = changeOf(reading.value, reading.reference, condition.by);
      return within(change, condition.above, condition.below, isActive);
    }
    case 'anomaly': {
      if (reading.baseline === undefined || Number.isNaN(reading.value)) return 'unknown';
      const deviations = deviationsOf(reading.value, reading.baseline);
      const isUp = condition.direction !== 'down' && deviations > condition.deviations;
      const isDown = condition.direction !== 'up' && deviations < -condition.deviations;
      return isUp || isDown ? 'abnormal' : 'normal';
    }
  }
}

/** What the value was held against, for people: the nearer bound, the reference of a change, the median. */
export function heldAgainst(
  condition: AlarmCondition,
  { value, reference, baseline }: Reading,
  isActive: boolean,
): number | null {
  if (Number.isNaN(value)) return null;
  switch (condition.kind) {
    case 'noData':
      return null;
    case 'threshold': {
      const bounds = [condition.above, condition.below].flatMap((bound) =>
        bound === undefined ? [] : [isActive ? bound.clear : bound.fire],
      );
      return bounds.sort((a, b) => Math.abs(value - a) - Math.abs(value - b))[0] ?? null;
    }
    case 'change':
      return Number.isNaN(reference) ? null : reference;
    case 'anomaly':
      return baseline?.median ?? null;
  }
}

/** NaN where there is nothing to compare with; a percentage of zero is nothing. */
function changeOf(value: number, reference: number, by: 'absolute' | 'percent'): number {
  if (by === 'absolute') return value - reference;
  return reference === 0 ? Number.NaN : ((value - reference) / Math.abs(reference)) * 100;
}

function within(
  value: number,
  above: Bound | undefined,
  below: Bound | undefined,
  isActive: boolean,
): Verdict {
  if (Number.isNaN(value)) return 'unknown';
  if (above !== undefined && value > (isActive ? above.clear : above.fire)) return 'abnormal';
  if (below !== undefined && value < (isActive ? below.clear : below.fire)) return 'abnormal';
  return 'normal';
}
