/** How a timeseries would be answered, in the schema's shape. */
import type { TimeseriesSource } from '../../src/query/answer.ts';
import type { AnswerPlan, Explanation, PartitionPlan } from '../../src/query/explanation.ts';
import type { GraphContext } from '../context.ts';
import type { Maybe } from './arguments.ts';
import { type Lookups, lookupsFor, shownRollup } from './rollups.ts';
import { requestOf, type TimeseriesArgs } from './timeseries.ts';

export async function explain(
  _: unknown,
  { source, ...args }: TimeseriesArgs & { readonly source?: Maybe<TimeseriesSource> },
  { access, services }: GraphContext,
): Promise<object> {
  const request = requestOf(args, access.tenant);
  const explanation = await services.queries.explain(request, source ?? undefined);
  return shown(explanation, lookupsFor(access.tenant, services));
}

const shown = ({ plan, problem, rollups, compared }: Explanation, lookups: Lookups): object => ({
  plan: plan && planView(plan, lookups),
  problem,
  rollups: rollups.map(({ rollup, isTaken, lacks, reason }) => ({
    rollup: shownRollup(rollup, lookups),
    taken: isTaken,
    lacks,
    reason,
  })),
  compared: compared && shown(compared, lookups),
});

const planView = (
  { fromMs, toMs, rollup, partitions, ...rest }: AnswerPlan,
  lookups: Lookups,
): object => ({
  ...rest,
  from: fromMs,
  to: toMs,
  rollup: rollup && shownRollup(rollup, lookups),
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
