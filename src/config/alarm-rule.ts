/** One alarm rule as people write it, its checks, and its defaults. What it means is in docs/alarms.md. */
import { z } from 'zod';
import {
  type AlarmCondition,
  type AlarmRule,
  type Bound,
  type Escalation,
  NO_VALUE_POLICIES,
  type NoValuePolicy,
  REFERENCES,
  SEVERITIES,
} from '../model/alarm.ts';
import { boundText, measureText } from '../model/alarm-text.ts';
import { DAY_MS, durationMs, HOUR_MS, MINUTE_MS, SECOND_MS } from '../model/units.ts';
import { alarmMeasure, bound, number, texts } from './alarm-scalars.ts';
import { duration, formatDuration, integer, name, oneOf, scalar, streamName } from './scalars.ts';
import { field, filter, group, list } from './shapes.ts';

/** Everybody without a key is this tenant. */
export const DEFAULT_TENANT = 'default';

/** Ticks of one window are kept in memory, for each group. */
const TICKS_PER_WINDOW_MAX = 3_600;
/** Cells of all groups and ticks of one rule: 32 MB for a count. */
const CELLS_MAX = 4_000_000;
/** About so many ticks make a window unless the rule says otherwise: a crossing is seen 2 % of a window later at most. */
const TICKS_PER_WINDOW = 60;
/** What divides a day, so that ticks and the buckets of rollups are the same on every day. */
const NICE_MS = [
  ...[1, 2, 5, 10, 15, 20, 30].map((n) => n * SECOND_MS),
  ...[1, 2, 5, 10, 15, 20, 30, 60].map((n) => n * MINUTE_MS),
];

const severity = oneOf(SEVERITIES);
/** What every alarm has; a rule's own names must not hide them. */
const OWN_LABELS: readonly string[] = ['alertname', 'severity', 'stream', 'tenant'];
const isLabel = (text: string) => /^[a-zA-Z_]\w{0,63}$/.test(text) && !OWN_LABELS.includes(text);

const written = group({
  name: name('a name'),
  tenant: name('a tenant').default(DEFAULT_TENANT),
  stream: streamName.default('events'),
  measure: alarmMeasure.default({ op: 'count' }),
  filter: list(filter, 16).default([]),
  /** With it the value is `measure` divided by this. */
  over: group({
    measure: alarmMeasure.default({ op: 'count' }),
    filter: list(filter, 16).default([]),
  }).optional(),
  /** One alarm for each combination of their values. */
  groupBy: list(field, 8).default([]),
  /** Those of `groupBy` that are texts with ids in them: `user 123` and `user 124` are one group. */
  normalize: list(field, 8).default([]),
  /** Longer is calmer and later. */
  window: duration(SECOND_MS, 7 * DAY_MS),
  /** How often it is judged. By default about a 60th of the window. */
  every: duration(SECOND_MS, HOUR_MS).optional(),
  /** How long a tick waits for stragglers. Larger is later, smaller misses more. */
  lateness: duration(0, HOUR_MS).default(durationMs(10_000)),
  above: bound.optional(),
  below: bound.optional(),
  change: group({
    versus: oneOf(REFERENCES).default('windowBefore'),
    by: oneOf(['absolute', 'percent']).default('percent'),
    above: bound.optional(),
    /** Negative for a drop: -50 is half of it gone. */
    below: bound.optional(),
  }).optional(),
  anomaly: group({
    deviations: number(0.5, 100).default(4),
    weeks: integer(1, 12).default(4),
    direction: oneOf(['up', 'down', 'both']).default('both'),
  }).optional(),
  noData: scalar('true', (raw) => (raw === true || raw === 'true' ? true : undefined)).optional(),
  for: duration(0, 7 * DAY_MS).default(durationMs(0)),
  keepFiringFor: duration(0, 7 * DAY_MS).default(durationMs(0)),
  severity: severity.default('warning'),
  escalation: list(group({ afterWindows: integer(1, 100_000), severity }), 8).default([]),
  /** By default `noData` for a threshold without groups, else `ok`: groups come and go without anything being wrong. */
  onNoValue: oneOf(NO_VALUE_POLICIES).optional(),
  /** Names of time intervals in which nobody is told. */
  suppress: list(name('a time interval'), 16).default([]),
  labels: texts(
    `labels (letters, digits and "_"; not ${OWN_LABELS.join(', ')})`,
    isLabel,
    1_024,
  ).default({}),
  annotations: texts('annotations', (text) => /^\w{1,64}$/.test(text), 4_096).default({}),
  /** Past it the rule is in error; the groups that are in are judged on. */
  groupsMax: integer(1, 100_000).default(1_000),
  /** By default 1 day if silence can be abnormal, else 10 minutes; two windows at least. */
  forgetAfter: duration(SECOND_MS, 90 * DAY_MS).optional(),
});
type Written = z.output<typeof written>;

interface Conflict {
  readonly path: (string | number)[];
  readonly message: string;
}

export const rule = written.transform((value, context): AlarmRule => {
  const conditions = conditionsOf(value);
  const condition = conditions[0];
  const conflicts = [
    ...(condition === undefined || conditions.length > 1
      ? [
          {
            path: [],
            message:
              'expected exactly one condition: "above" and/or "below", "change", "anomaly" or "noData"',
          },
        ]
      : conditionConflicts(condition, value.window)),
    ...windowConflicts(value, condition),
    ...escalationConflicts(value),
    ...nameConflicts(value),
  ];
  for (const conflict of conflicts) context.addIssue({ code: 'custom', ...conflict });
  return condition === undefined || conflicts.length > 0 ? z.NEVER : ruleOf(value, condition);
});

/** The same rule as it would be written, every default filled in. */
export function ruleText(of: AlarmRule): Record<string, unknown> {
  const { over } = of;
  return {
    name: of.name,
    tenant: of.tenant,
    stream: of.stream,
    measure: measureText(of.measure),
    filter: of.filter,
    ...(over && { over: { measure: measureText(over.measure), filter: over.filter } }),
    groupBy: of.groupBy,
    normalize: of.normalize,
    window: formatDuration(of.windowMs),
    every: formatDuration(of.everyMs),
    lateness: formatDuration(of.latenessMs),
    ...conditionText(of.condition),
    for: formatDuration(of.forMs),
    keepFiringFor: formatDuration(of.keepFiringForMs),
    severity: of.severity,
    escalation: of.escalation,
    onNoValue: of.onNoValue,
    suppress: of.suppress,
    labels: of.labels,
    annotations: of.annotations,
    groupsMax: of.groupsMax,
    forgetAfter: formatDuration(of.forgetAfterMs),
  };
}

function ruleOf(value: Written, condition: AlarmCondition): AlarmRule {
  const { over, window, every, forgetAfter, groupBy } = value;
  const onNoValue = value.onNoValue ?? defaultPolicy(condition, groupBy);
  return {
    name: value.name,
    tenant: value.tenant,
    stream: value.stream,
    measure: value.measure,
    filter: value.filter,
    ...(over && { over }),
    groupBy,
    normalize: value.normalize,
    windowMs: window,
    everyMs: every ?? defaultEveryMs(window, condition),
    latenessMs: value.lateness,
    condition,
    forMs: value.for,
    keepFiringForMs: value.keepFiringFor,
    onNoValue,
    severity: value.severity,
    escalation: value.escalation,
    suppress: value.suppress,
    labels: value.labels,
    annotations: value.annotations,
    groupsMax: value.groupsMax,
    forgetAfterMs: forgetAfter ?? defaultForgetMs(window, condition, onNoValue),
  };
}

function conditionsOf({ above, below, change, anomaly, noData }: Written): AlarmCondition[] {
  const conditions: AlarmCondition[] = [];
  if (above ?? below) conditions.push({ kind: 'threshold', ...bounds(above, below) });
  if (change) {
    const { versus, by } = change;
    conditions.push({ kind: 'change', versus, by, ...bounds(change.above, change.below) });
  }
  if (anomaly) conditions.push({ kind: 'anomaly', ...anomaly });
  if (noData) conditions.push({ kind: 'noData' });
  return conditions;
}

const bounds = (above: Bound | undefined, below: Bound | undefined) => ({
  ...(above && { above }),
  ...(below && { below }),
});

function conditionText(condition: AlarmCondition): Record<string, unknown> {
  switch (condition.kind) {
    case 'threshold':
      return boundsText(condition);
    case 'change': {
      const { versus, by } = condition;
      return { change: { versus, by, ...boundsText(condition) } };
    }
    case 'anomaly': {
      const { kind: _, ...anomaly } = condition;
      return { anomaly };
    }
    case 'noData':
      return { noData: true };
  }
}

const boundsText = ({ above, below }: { readonly above?: Bound; readonly below?: Bound }) => ({
  ...(above && { above: boundText(above) }),
  ...(below && { below: boundText(below) }),
});

/** Compared with days that are past: rows of a minute are kept that long, finer ones would be too many. */
function looksBack(condition: AlarmCondition): boolean {
  if (condition.kind === 'change') return condition.versus !== 'windowBefore';
  return condition.kind === 'anomaly';
}

function defaultEveryMs(windowMs: number, condition: AlarmCondition | undefined): number {
  const leastMs = condition !== undefined && looksBack(condition) ? MINUTE_MS : SECOND_MS;
  const fitting = NICE_MS.filter((ms) => ms >= leastMs && windowMs % ms === 0);
  return fitting.findLast((ms) => ms <= windowMs / TICKS_PER_WINDOW) ?? fitting[0] ?? leastMs;
}

function defaultPolicy({ kind }: AlarmCondition, groupBy: readonly string[]): NoValuePolicy {
  return kind === 'threshold' && groupBy.length === 0 ? 'noData' : 'ok';
}

/** A group whose silence may be abnormal is remembered for a day; another one only as long as it may still matter. */
function defaultForgetMs(
  windowMs: number,
  condition: AlarmCondition,
  policy: NoValuePolicy,
): number {
  const minds = policy === 'firing' || isSilenceAbnormal(condition);
  return Math.max(2 * windowMs, minds ? DAY_MS : 10 * MINUTE_MS);
}

function isSilenceAbnormal(condition: AlarmCondition): boolean {
  switch (condition.kind) {
    case 'noData':
      return true;
    case 'anomaly':
      return condition.direction !== 'up';
    case 'threshold':
    case 'change':
      return condition.below !== undefined;
  }
}

function conditionConflicts(condition: AlarmCondition, windowMs: number): Conflict[] {
  if (condition.kind === 'anomaly') return anomalyConflicts(condition.weeks, windowMs);
  if (condition.kind === 'noData') return [];
  const at = condition.kind === 'change' ? ['change'] : [];
  const { above, below } = condition;
  const conflicts: Conflict[] = [];
  if (above === undefined && below === undefined) {
    conflicts.push({ path: at, message: 'expected "above" or "below", or both' });
  }
  if (above && above.clear > above.fire) {
    conflicts.push({ path: [...at, 'above'], message: 'expected "clear" to be at most "fire"' });
  }
  if (below && below.clear < below.fire) {
    conflicts.push({ path: [...at, 'below'], message: 'expected "clear" to be at least "fire"' });
  }
  if (above && below && Math.max(below.fire, below.clear) > Math.min(above.fire, above.clear)) {
    conflicts.push({
      path: [...at, 'below'],
      message: 'expected a band: "below" must not lie above "above"',
    });
  }
  return conflicts;
}

/** A longer window has one sample a week, and two make no baseline. */
function anomalyConflicts(weeks: number, windowMs: number): Conflict[] {
  const message = 'expected at least 3 for a window of more than 30 minutes';
  return windowMs > 30 * MINUTE_MS && weeks < 3 ? [{ path: ['anomaly', 'weeks'], message }] : [];
}

function windowConflicts(value: Written, condition: AlarmCondition | undefined): Conflict[] {
  const { window, every = defaultEveryMs(window, condition), groupsMax, forgetAfter } = value;
  const at = value.every === undefined ? 'window' : 'every';
  const ticks = window / every;
  if (DAY_MS % every !== 0) {
    return [
      { path: ['every'], message: 'expected a duration that divides a day, such as "10s" or "1m"' },
    ];
  }
  if (
    condition !== undefined &&
    looksBack(condition) &&
    (every % MINUTE_MS || window % MINUTE_MS)
  ) {
    const message = `expected whole minutes, because the rule compares with past days (every ${formatDuration(every)})`;
    return [{ path: [at], message }];
  }
  if (!Number.isInteger(ticks)) {
    return [
      { path: ['window'], message: `expected a multiple of "every" (${formatDuration(every)})` },
    ];
  }
  if (ticks > TICKS_PER_WINDOW_MAX) {
    const message = `expected at most ${TICKS_PER_WINDOW_MAX} times in a window of ${formatDuration(window)}`;
    return [{ path: [at], message }];
  }
  if (ticks * groupsMax > CELLS_MAX) {
    const message = `expected at most ${Math.floor(CELLS_MAX / ticks)} groups for ${ticks} ticks in a window; a larger "every" allows more`;
    return [{ path: ['groupsMax'], message }];
  }
  if (forgetAfter !== undefined && forgetAfter < window) {
    return [
      {
        path: ['forgetAfter'],
        message: `expected at least the window (${formatDuration(window)})`,
      },
    ];
  }
  return [];
}

function escalationConflicts({ escalation, severity: first }: Written): Conflict[] {
  return escalation.flatMap((step: Escalation, i: number): Conflict[] => {
    const before = escalation[i - 1];
    const rank = SEVERITIES.indexOf(before?.severity ?? first);
    if (SEVERITIES.indexOf(step.severity) <= rank) {
      const message = `expected a severity above ${SEVERITIES[rank]}: it only rises`;
      return [{ path: ['escalation', i, 'severity'], message }];
    }
    return before !== undefined && step.afterWindows <= before.afterWindows
      ? [
          {
            path: ['escalation', i, 'afterWindows'],
            message: `expected more than ${before.afterWindows}, the step before`,
          },
        ]
      : [];
  });
}

function nameConflicts({ groupBy, normalize, labels, annotations }: Written): Conflict[] {
  const known = new Set([...OWN_LABELS, ...groupBy, ...Object.keys(labels)]);
  return [
    ...groupBy.flatMap((name, i): Conflict[] => {
      if (groupBy.indexOf(name) < i)
        return [{ path: ['groupBy', i], message: 'expected each only once' }];
      return OWN_LABELS.includes(name) || Object.hasOwn(labels, name)
        ? [
            {
              path: ['groupBy', i],
              message: `expected a field whose name is no other label of the alarm (${OWN_LABELS.join(', ')} or one of "labels")`,
            },
          ]
        : [];
    }),
    ...normalize.flatMap((name, i): Conflict[] =>
      groupBy.includes(name)
        ? []
        : [{ path: ['normalize', i], message: 'expected one of "groupBy"' }],
    ),
    ...Object.entries(annotations).flatMap(([name, text]): Conflict[] => {
      const unknown = unknownPlaces(text, known)[0];
      return unknown === undefined
        ? []
        : [
            {
              path: ['annotations', name],
              message: `expected no ${unknown}: there are {{value}}, {{threshold}}, {{severity}} and ${[...known].map((label) => `{{labels.${label}}}`).join(', ')}`,
            },
          ];
    }),
  ];
}

/** The places of the text that stand for nothing. */
function unknownPlaces(text: string, labels: ReadonlySet<string>): string[] {
  // One that is never closed would be told as it is written.
  return [...text.matchAll(/\{\{([^{}]*)(\}\})?/g)].flatMap(([place, path = '', end]) => {
    if (end === undefined) return [`"${place}" without "}}"`];
    const key = path.trim();
    const isLabel = key.startsWith('labels.') && labels.has(key.slice('labels.'.length));
    return isLabel || ['value', 'threshold', 'severity'].includes(key) ? [] : [place];
  });
}
