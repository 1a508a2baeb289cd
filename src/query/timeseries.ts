/**
 * Answers a planned query: gathers the rows of all partitions, merges them step by step, keeps the best series. Time
 * is worked through in chunks, so memory holds the answer's numbers and one chunk's accumulators, never the rows.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import type { Point, Series, TimeseriesAnswer } from './answer.ts';
import { ChunkMerger } from './chunk-merger.ts';
import { ANSWER_VALUES_MAX, CHUNK_POINTS, CHUNK_POINTS_SKETCH } from './limits.ts';
import { openSource, type PartitionSource } from './partition-source.ts';
import type { Plan } from './plan.ts';
import { PointTable } from './point-table.ts';
import type { PartitionClient, StoredRollups } from './ports.ts';
import { Ranking } from './ranking.ts';
import type { SeriesGroups } from './series-groups.ts';
import type { SeriesTables } from './series-tables.ts';
import type { KeptSteps } from './step-values.ts';
import { WorkMeter } from './work-meter.ts';

export interface TimeseriesSources {
  readonly partitions: PartitionClient;
  readonly stored: StoredRollups;
  readonly tables: SeriesTables;
  readonly clock: Clock;
}

export interface TimeseriesWork {
  readonly answer: TimeseriesAnswer;
  /** What it took of this thread. */
  readonly workMs: number;
}

/**
 * `groups` and `kept` may be given again with a later plan of the same live query: `groups` only grows, `kept` spares it
 * what has not changed.
 */
export async function answerTimeseries(
  plan: Plan,
  groups: SeriesGroups,
  { partitions, stored, tables, clock }: TimeseriesSources,
  kept?: KeptSteps,
): Promise<TimeseriesWork> {
  const nowMs = clock.now();
  const parts = await Promise.all(
    Array.from({ length: partitions.partitions }, (_, partition) =>
      openSource(partition, plan, partitions, stored, nowMs),
    ),
  );
  const meter = new WorkMeter();
  for (const { partition, newSeries, isReadable } of parts) {
    if (!isReadable) continue;
    groups.extend(partition, await tables.read(partition, plan.tenant, plan.rollup));
    groups.extend(partition, newSeries);
  }
  const merged = await mergeParts(plan, groups, parts, stored, meter, kept);
  const watermarkMs = Math.min(...parts.map((part) => part.watermarkMs));
  const missingPartitions = parts.filter((part) => !part.answered).map((part) => part.partition);
  const answer: TimeseriesAnswer = {
    source: 'ROLLUP',
    note: null,
    scanned: null,
    fromMs: plan.fromMs,
    toMs: plan.toMs,
    stepMs: plan.stepMs,
    rollup: plan.rollup.name,
    resolutionMs: plan.tiersMs[0] as number,
    watermarkMs: Number.isFinite(watermarkMs) ? watermarkMs : null,
    complete: watermarkMs >= plan.toMs && missingPartitions.length === 0,
    restated: merged.table.restated,
    missingPartitions,
    seriesFound: merged.table.series.length,
    series: meter.run(() => bestSeries(plan, groups, merged)),
  };
  return { answer, workMs: meter.ms };
}

interface Merged {
  readonly table: PointTable;
  readonly ranking: Ranking;
}

async function mergeParts(
  plan: Plan,
  groups: SeriesGroups,
  parts: readonly PartitionSource[],
  stored: StoredRollups,
  meter: WorkMeter,
  keptSteps: KeptSteps | undefined,
): Promise<Merged> {
  const { fromMs, toMs, stepMs, points } = plan;
  const ranking = new Ranking(plan, groups.labels.length);
  const kept = ranking.readsRows ? undefined : keptSteps;
  const table = new PointTable(plan, ranking);
  const merger = new ChunkMerger(plan, groups, parts, stored, ranking, meter);
  const chunkPoints = plan.groups.some((group) => group > 0) ? CHUNK_POINTS_SKETCH : CHUNK_POINTS;
  kept?.begin(groups);
  for (let first = 0; first < points; first += chunkPoints) {
    const chunkFromMs = fromMs + first * stepMs;
    const chunk = { fromMs: chunkFromMs, toMs: Math.min(toMs, chunkFromMs + chunkPoints * stepMs) };
    const steps = await merger.steps(chunk, kept);
    meter.run(() => {
      for (const step of steps) table.add(step);
    });
    await nextTurn();
  }
  kept?.end();
  return { table, ranking };
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
  const best = ranked.slice(0, limit).map(({ output }) => output);
  if (table.count(best) * measures.length > ANSWER_VALUES_MAX) throw tooManyValues();
  const points = table.pointsOf(best);
  return best.map((output, place) => ({
    labels: groups.namedLabels(output),
    points: points[place] as Point[],
  }));
}

export const tooManyValues = (): AppError =>
  new AppError(
    'query_invalid',
    `the answer has more than ${ANSWER_VALUES_MAX} values: use a smaller limit, a larger step or fewer measures`,
  );
