/** The values that a rule would have judged, as a question over time: what its chart shows. */

import { lengthMs } from '../kit/length.ts';
import type { FieldFilter } from './alarm-answers.ts';
import type { RuleDraft } from './rule-draft.ts';
import { measureOf } from './rule-measure.ts';

export const TRIALS = [
  { name: '6 hours', ms: 21_600_000, stepMs: 120_000 },
  { name: '24 hours', ms: 86_400_000, stepMs: 360_000 },
  { name: '7 days', ms: 604_800_000, stepMs: 3_600_000 },
  { name: '14 days', ms: 1_209_600_000, stepMs: 7_200_000 },
] as const;
export type Trial = (typeof TRIALS)[number];

export const SERIES = `query ($stream: String!, $from: Timestamp, $to: Timestamp, $step: Duration, $window: Duration,
    $measures: [MeasureInput!]!, $groupBy: [String!]!, $where: Where, $fill: Fill) {
  timeseries(stream: $stream, from: $from, to: $to, step: $step, window: $window, measures: $measures,
      groupBy: $groupBy, where: $where, limit: 8, fill: $fill) {
    source series { labels { value } points { end values { value } } }
  }
}`;

/** The others have no value then. */
const ZERO_WITHOUT_EVENTS: ReadonlySet<string> = new Set(['count', 'rate', 'sum', 'distinct']);

/** Undefined where the draft does not say enough yet. Windows that are shorter than a step of the chart stand side by side; longer ones slide. */
export function seriesVariables(draft: RuleDraft, trial: Trial, nowMs: number): object | undefined {
  const windowMs = lengthMs(draft['window']);
  const measure = measureOf(draft['measure'] ?? 'count');
  const over = draft['over'] as { measure?: unknown; filter?: readonly FieldFilter[] } | undefined;
  const below = over && measureOf(over.measure ?? 'count');
  if (windowMs === undefined || measure === undefined || (over && !below)) return undefined;
  const stepMs = Math.min(windowMs, trial.stepMs);
  // With the newest step, which is not whole.
  const to = Math.ceil(nowMs / stepMs) * stepMs;
  const filter = (draft['filter'] ?? []) as readonly FieldFilter[];
  const own = {
    stream: draft['stream'] ?? 'events',
    from: to - trial.ms,
    to,
    step: `${stepMs}ms`,
    window: `${windowMs}ms`,
    groupBy: draft['groupBy'] ?? [],
    fill: ZERO_WITHOUT_EVENTS.has(measure.op) ? 'ZERO' : 'NULL',
  };
  if (over === undefined) return { ...own, measures: [measure], where: whereOf(filter) };
  const measures = [
    { expression: 'part / whole' },
    { ...measure, as: 'part', where: whereOf(filter) },
    { ...below, as: 'whole', where: whereOf(over.filter ?? []) },
  ];
  return { ...own, measures };
}

const whereOf = (filter: readonly FieldFilter[]): object | undefined =>
  filter.length > 0
    ? { and: filter.map(({ field, in: values }) => ({ field, in: values })) }
    : undefined;
