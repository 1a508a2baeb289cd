/** How a rollup would answer a planned query: what each partition has of it is asked for, and no stored row is read. */
import { FUTURE_TOLERANCE_MS } from '../aggregate/block-columns.ts';
import type { AnswerPlan, PartitionPlan, RowsPlan } from './explanation.ts';
import { ROWS_MAX } from './limits.ts';
import { openSource, type PartitionSource, rowSetKey, type Span } from './partition-source.ts';
import type { Plan } from './plan.ts';
import type { PartitionClient } from './ports.ts';
import type { TimeseriesSources } from './timeseries.ts';

export async function explainRollup(
  plan: Plan,
  { partitions, stored, clock }: TimeseriesSources,
): Promise<AnswerPlan> {
  const nowMs = clock.now();
  const parts = await Promise.all(
    Array.from({ length: partitions.partitions }, (_, partition) =>
      openSource(partition, plan, partitions, stored, nowMs),
    ),
  );
  const planned = parts.map((part) => partitionPlan(plan, part, partitions, nowMs));
  return {
    source: 'ROLLUP',
    note: null,
    rollup: plan.rollup,
    resolutionMs: plan.tiersMs[0] as number,
    fromMs: plan.answerFromMs,
    toMs: plan.toMs,
    stepMs: plan.stepMs,
    points: plan.points,
    rows: rowsOf(plan, planned),
    partitions: planned,
    segments: null,
  };
}

function rowsOf({ groups, conditions }: Plan, planned: readonly PartitionPlan[]): RowsPlan {
  const spans = planned.flatMap((each) => each.spans);
  const readMax = spans.reduce((sum, { rowsMax }) => sum + rowsMax, 0);
  const mergedEach = conditions.reduce((sum, each) => sum + each.groups.length, 0);
  return {
    readMax,
    mergedMax: (readMax / groups.length) * mergedEach,
    mergedAllowed: ROWS_MAX,
  };
}

function partitionPlan(
  { groups }: Plan,
  { partition, answered, isReadable, watermarkMs, spans, changed }: PartitionSource,
  { nodes }: PartitionClient,
  nowMs: number,
): PartitionPlan {
  return {
    ...{ partition, node: nodes?.nodeOf(partition), answered, isReadable, watermarkMs },
    spans: spans.map((span) => ({ ...span, rowsMax: bucketsIn(span, nowMs) * groups.length })),
    changedRows: spans.reduce((sum, span) => sum + changedIn(span, groups, changed), 0),
  };
}

/** What is held of coarser buckets that answer nothing is not counted. */
const changedIn = (
  { stepMs, fromMs, toMs }: Span,
  groups: readonly number[],
  changed: PartitionSource['changed'],
): number =>
  groups
    .flatMap((group) => [...(changed.get(rowSetKey(stepMs, group))?.keys() ?? [])])
    .filter((bucketMs) => bucketMs >= fromMs && bucketMs < toMs).length;

/** No event counts later than the tolerance ahead of its arrival: behind it there are no rows yet. */
const bucketsIn = ({ stepMs, fromMs, toMs }: Span, nowMs: number): number =>
  Math.max(0, Math.ceil((Math.min(toMs, nowMs + FUTURE_TOLERANCE_MS + 1) - fromMs) / stepMs));
