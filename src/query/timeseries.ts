/**
 * Answers a planned query: gathers the rows of all partitions, merges them step by step, keeps the best series. Time
 * is worked through in chunks, so memory holds the answer's numbers and one chunk's accumulators, never the rows.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { StepAccumulator } from '../aggregate/merge.ts';
import type { Clock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import type { Series, TimeseriesAnswer } from './answer.ts';
import { ANSWER_VALUES_MAX, CHUNK_POINTS, CHUNK_POINTS_SKETCH, ROWS_MAX } from './limits.ts';
import { openSource, type PartitionSource } from './partition-source.ts';
import type { Plan } from './plan.ts';
import { PointTable } from './point-table.ts';
import type { PartitionClient, StoredRollups } from './ports.ts';
import { Ranking } from './ranking.ts';
import { scanPart } from './row-scan.ts';
import type { SeriesGroups } from './series-groups.ts';
import type { SeriesTables } from './series-tables.ts';

export interface TimeseriesSources {
  readonly partitions: PartitionClient;
  readonly stored: StoredRollups;
  readonly tables: SeriesTables;
  readonly clock: Clock;
}

/** `groups` may be kept and given again with a later plan of the same live query: it only grows. */
export async function answerTimeseries(
  plan: Plan,
  groups: SeriesGroups,
  { partitions, stored, tables, clock }: TimeseriesSources,
): Promise<TimeseriesAnswer> {
  const nowMs = clock.now();
  const parts = await Promise.all(
    Array.from({ length: partitions.partitions }, (_, partition) =>
      openSource(partition, plan, partitions, stored, nowMs),
    ),
  );
  for (const { partition, newSeries, isReadable } of parts) {
    if (!isReadable) continue;
    groups.extend(partition, await tables.read(partition, plan.tenant, plan.rollup));
    groups.extend(partition, newSeries);
  }
  const merged = await mergeParts(plan, groups, parts, stored);
  const watermarkMs = Math.min(...parts.map((part) => part.watermarkMs));
  const missingPartitions = parts.filter((part) => !part.answered).map((part) => part.partition);
  return {
    fromMs: plan.fromMs,
    toMs: plan.toMs,
    stepMs: plan.stepMs,
    rollup: plan.rollup.name,
    resolutionMs: plan.tiersMs[0] as number,
    watermarkMs: Number.isFinite(watermarkMs) ? watermarkMs : null,
    complete: watermarkMs >= plan.toMs && missingPartitions.length === 0,
    restated: merged.restated,
    missingPartitions,
    seriesFound: merged.table.series.length,
    series: bestSeries(plan, groups, merged),
  };
}

interface Merged {
  readonly table: PointTable;
  readonly ranking: Ranking;
  readonly restated: boolean;
}

async function mergeParts(
  plan: Plan,
  groups: SeriesGroups,
  parts: readonly PartitionSource[],
  stored: StoredRollups,
): Promise<Merged> {
  const { fromMs, toMs, stepMs, points, rollup } = plan;
  const ranking = new Ranking(plan, groups.labels.length);
  const table = new PointTable(plan, ranking);
  const chunkPoints = plan.groups.some((group) => group > 0) ? CHUNK_POINTS_SKETCH : CHUNK_POINTS;
  /** One per point of a chunk, used again for the next: growing anew would cost more than merging. */
  const steps = Array.from(
    { length: Math.min(points, chunkPoints) },
    () => new StepAccumulator(rollup),
  );
  let restated = false;
  let rowsLeft = ROWS_MAX;
  for (let first = 0; first < points; first += chunkPoints) {
    const chunkFromMs = fromMs + first * stepMs;
    const chunkToMs = Math.min(toMs, chunkFromMs + chunkPoints * stepMs);
    for (const part of parts) {
      const outputOf = groups.outputOf(part.partition);
      await scanPart(plan, part, stored, chunkFromMs, chunkToMs, (bucketMs, group, row) => {
        if (--rowsLeft < 0) throw tooManyRows();
        steps[Math.floor((bucketMs - chunkFromMs) / stepMs)]?.add(group, row, outputOf);
        ranking.addRow(group, row, outputOf);
      });
    }
    for (const [i, step] of steps.entries()) {
      restated ||= step.restated > 0;
      table.addStep(first + i, step);
      step.reset();
    }
    await nextTurn();
  }
  return { table, ranking, restated };
}

/** The first `limit` series in the asked order; equals are ordered by their labels, so that answers are stable. */
function bestSeries(plan: Plan, groups: SeriesGroups, { table, ranking }: Merged): Series[] {
  const { orderBy, measures, limit } = plan;
  const ranked = table.series.map((output) => ({
    output,
    rank: ranking.rankOf(output),
    name: JSON.stringify(groups.labels[output]),
  }));
  const sign = orderBy.descending ? -1 : 1;
  ranked.sort((a, b) => {
    if (a.rank !== b.rank) {
      if (a.rank === null) return 1;
      if (b.rank === null) return -1;
      return sign * (a.rank - b.rank);
    }
    return a.name < b.name ? -1 : 1;
  });
  let valuesLeft = ANSWER_VALUES_MAX;
  return ranked.slice(0, limit).map(({ output }) => {
    const points = table.pointsOf(output);
    valuesLeft -= points.length * measures.length;
    if (valuesLeft < 0) throw tooManyValues();
    const values = groups.labels[output] ?? [];
    const labels = plan.groupBy.map((name, i) => ({ name, value: values[i] ?? null }));
    return { labels, points };
  });
}

const tooManyRows = (): AppError =>
  new AppError(
    'query_invalid',
    `the query reads more than ${ROWS_MAX} stored rows: use a larger step or a shorter range`,
  );

const tooManyValues = (): AppError =>
  new AppError(
    'query_invalid',
    `the answer has more than ${ANSWER_VALUES_MAX} values: use a smaller limit, a larger step or fewer measures`,
  );
