/** How a timeseries would be answered, in the schema's shape. */
import type { TimeseriesSource } from '../../src/query/answer.ts';
import type { AnswerPlan, Explanation, PartitionPlan } from '../../src/query/explanation.ts';
import type { RollupAges } from '../../src/query/rollup-ages.ts';
import type { GraphContext } from '../context.ts';
import type { Maybe } from './arguments.ts';
import { shownRollup } from './rollups.ts';
import { requestOf, type TimeseriesArgs } from './timeseries.ts';

export async function explain(
  _: unknown,
  { source, ...args }: TimeseriesArgs & { readonly source?: Maybe<TimeseriesSource> },
  { access, services }: GraphContext,
): Promise<object> {
  const request = requestOf(args, access.tenant);
  const explanation = await services.queries.explain(request, source ?? undefined);
  return shown(explanation, services.rollups.ages(access.tenant));
}

const shown = ({ plan, problem, rollups, compared }: Explanation, ages: RollupAges): object => ({
  plan: plan && planView(plan, ages),
  problem,
  rollups: rollups.map(({ rollup, isTaken, lacks, reason }) => ({
    rollup: shownRollup(rollup, ages),
    taken: isTaken,
    lacks,
    reason,
  })),
  compared: compared && shown(compared, ages),
});

const planView = (
  { fromMs, toMs, rollup, partitions, ...rest }: AnswerPlan,
  ages: RollupAges,
): object => ({
  ...rest,
  from: fromMs,
  to: toMs,
  rollup: rollup && shownRollup(rollup, ages),
  partitions: partitions.map(partitionView),
});

const partitionView = ({ isReadable, watermarkMs, spans, ...rest }: PartitionPlan): object => ({
  ...rest,
  readable: isReadable,
  watermark: Number.isFinite(watermarkMs) ? watermarkMs : null,
  spans: spans.map(({ stepMs, fromMs, toMs, rowsMax }) => ({
    resolutionMs: stepMs,
    from: fromMs,
    to: toMs,
    rowsMax,
  })),
});
