/**
 * A rule as what partitions fold for it: one hidden frozen rollup, two for a ratio. Only what decides which events are
 * counted, and how, is in there: a rule with another threshold goes on with the same rows.
 */
import type { AlarmMeasure, AlarmRule } from '../model/alarm.ts';
import type { Measure, Resolution, RollupDefinition, RollupFilter } from '../model/rollup.ts';
import { SERVER_STREAM } from '../model/server-alarms.ts';
import { historyMs } from './windows.ts';

/** Begins the names of the rollups of rules. No rollup of the configuration can have it: a dot is not allowed there. */
export const ALARM_ROLLUP_PREFIX = 'alarm.';

/**
 * Rows beyond two windows: what a rule can be tried on. What the board has still to judge is kept however long that takes,
 * because partitions count retention from where it is.
 */
const BEHIND_BOARD_MS = 2 * 3_600_000;
/** Series outlive the groups they were made for, so there is room for several generations of them. */
const SERIES_PER_GROUP = 10;
const SERIES_MAX = 100_000;

export interface CompiledRule {
  readonly value: RollupDefinition;
  /** The denominator of a ratio. */
  readonly over?: RollupDefinition;
}

export function compileRule(rule: AlarmRule): CompiledRule {
  const name = `${ALARM_ROLLUP_PREFIX}${rule.tenant}.${rule.name}`;
  const value = rollup(rule, name, rule.measure, rule.filter);
  if (rule.over === undefined) return { value };
  return { value, over: rollup(rule, `${name}.over`, rule.over.measure, rule.over.filter) };
}

/** All rollups that partitions keep for these rules, in the order of the rules. The server samples itself without them. */
export function rollupsOf(rules: readonly AlarmRule[]): RollupDefinition[] {
  return rules.flatMap((rule) => {
    if (rule.stream === SERVER_STREAM) return [];
    const { value, over } = compileRule(rule);
    return over === undefined ? [value] : [value, over];
  });
}

/**
 * Equal for rules whose alarms are the same alarms and change alike, so that the states of one may be the other's:
 * annotations and times of silence may differ, nothing else.
 */
export function evaluationOf(rule: AlarmRule): string {
  const { annotations: _texts, suppress: _times, ...evaluation } = rule;
  return JSON.stringify(sorted(evaluation));
}

/** The keys in a fixed order: it is part of a definition's identity. */
function rollup(
  rule: AlarmRule,
  name: string,
  measure: AlarmMeasure,
  filter: readonly RollupFilter[],
): RollupDefinition {
  return {
    name,
    stream: rule.stream,
    filter: filter.map((condition) => ({ field: condition.field, in: [...condition.in] })),
    dimensions: [...rule.groupBy],
    measures: [storedMeasure(measure)],
    resolutions: [resolutionOf(rule)],
    latenessMs: rule.latenessMs,
    seriesMax: Math.min(SERIES_MAX, rule.groupsMax * SERIES_PER_GROUP),
    tenant: rule.tenant,
    frozen: true,
    ...(rule.normalize.length > 0 && { normalize: [...rule.normalize] }),
  };
}

/** What a rollup keeps for a measure: a rate is a count or a sum, a sketch has every quantile. */
export function storedMeasure(measure: AlarmMeasure): Measure {
  switch (measure.op) {
    case 'count':
      return { op: 'count' };
    case 'rate':
      return measure.field === undefined ? { op: 'count' } : { op: 'sum', field: measure.field };
    default:
      return { op: measure.op, field: measure.field };
  }
}

/** One step: what is compared with past days is evaluated by the minute at most, so its fine rows are few enough to keep. */
function resolutionOf(rule: AlarmRule): Resolution {
  const recentMs = 2 * rule.windowMs + BEHIND_BOARD_MS;
  return { stepMs: rule.everyMs, retentionMs: Math.max(recentMs, historyMs(rule)) };
}

/** A rule from the configuration and the same one from the store may differ in the order of their keys. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
