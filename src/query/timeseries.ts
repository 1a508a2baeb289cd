/**
 * Answers a planned query: gathers the rows of all partitions, merges them step by step, keeps the best series. Time
 * is worked through in chunks, so memory holds the answer's numbers and one chunk's accumulators, never the rows.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import { shownName } from '../model/rollup.ts';
import type { Series, TimeseriesAnswer } from './answer.ts';
import { type Chunk, ChunkMerger, type ChunkRows, type Keeping, scanOf } from './chunk-merger.ts';
import { fillSeries } from './fill.ts';
import type { KeptStretches } from './kept-stretches.ts';
import { lazySeries } from './lazy-series.ts';
import {
  ANSWER_VALUES_MAX,
  ATTEMPTS_MAX,
  CHUNK_POINTS,
  CHUNK_POINTS_SKETCH,
  TURN_MS,
} from './limits.ts';
import { isLost, lostWith, OwnersSeen } from './partition-lost.ts';
import { lostSource, openSource, type PartitionSource } from './partition-source.ts';
import type { Plan } from './plan.ts';
import { PointTable } from './point-table.ts';
import type { PartitionClient, StoredRollups } from './ports.ts';
import { Ranking, ranksByRows } from './ranking.ts';
import type { Results } from './results.ts';
import type { PartsScan } from './row-scan.ts';
import { stampsOf } from './row-stamps.ts';
import type { SeriesGroups } from './series-groups.ts';
import type { SeriesTables } from './series-tables.ts';
import { WorkMeter } from './work-meter.ts';
import type { WrittenBlocks } from './written-blocks.ts';

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

/** What is given again with a later plan of the same question: it spares that what has not changed. */
export interface KeptQuestion {
  /** Only grows. */
  readonly groups: SeriesGroups;
  /** Undefined: nothing is kept. */
  readonly stretches?: KeptStretches | undefined;
  /** Undefined: what is written is not kept. */
  readonly written?: WrittenBlocks | undefined;
  /** Of a live query, whose answers share their points. */
  readonly isLive?: boolean;
}

export async function answerTimeseries(
  plan: Plan,
  kept: KeptQuestion,
  sources: TimeseriesSources,
): Promise<TimeseriesWork> {
  const lost = new Set<number>();
  for (let attempt = 1; ; attempt++) {
    try {
      return await answerOnce(plan, kept, sources, lost);
    } catch (error) {
      const partition = isLost(error) ? error.location.partition : undefined;
      if (partition === undefined || attempt === ATTEMPTS_MAX) throw error;
      // It may have come to another node, which can answer; once that did not help the answer does without it.
      if (attempt > 1) lost.add(partition);
    }
  }
}

/** Rejects with a fault of a partition that is lost between what it answers and what is read of it: nothing of that is used then. */
async function answerOnce(
  plan: Plan,
  kept: KeptQuestion,
  { partitions, stored, tables, clock }: TimeseriesSources,
  lost: ReadonlySet<number>,
): Promise<TimeseriesWork> {
  const nowMs = clock.now();
  const owners = new OwnersSeen(partitions);
  const parts = await Promise.all(
    Array.from({ length: partitions.partitions }, (_, partition) =>
      lost.has(partition)
        ? lostSource(partition)
        : openSource(partition, plan, partitions, stored, nowMs),
    ),
  );
  const meter = new WorkMeter();
  const { groups } = kept;
  const rows = { plan, parts: parts.filter(({ isReadable }) => isReadable), stored };
  const keeping = keepingOf(kept, rows);
  const [firstChunk] = chunksOf(plan);
  // On its way while the labels are read.
  const first = keeping?.stamps ? undefined : scanOf(rows, firstChunk as Chunk);
  const merged = await labelled(plan, groups, rows.parts, tables)
    .catch((error: unknown) => {
      first?.close();
      throw error;
    })
    .then(() => mergeParts(groups, rows, first, meter, keeping));
  for (const { partition } of rows.parts) owners.check(partition);
  const watermarkMs = Math.min(...parts.map((part) => part.watermarkMs));
  const missingPartitions = parts.filter((part) => !part.answered).map((part) => part.partition);
  const series = meter.run(() => bestSeries(plan, groups, merged, kept.written, nowMs));
  const answer: TimeseriesAnswer = {
    source: 'ROLLUP',
    note: null,
    scanned: null,
    fromMs: plan.answerFromMs,
    toMs: plan.toMs,
    stepMs: plan.stepMs,
    rollup: shownName(plan.rollup.name),
    resolutionMs: plan.tiersMs[0] as number,
    watermarkMs: Number.isFinite(watermarkMs) ? watermarkMs : null,
    complete: watermarkMs >= plan.toMs && missingPartitions.length === 0,
    restated: merged.table.restated,
    missingPartitions,
    names: plan.results.names,
    seriesFound: Math.max(series.length, merged.table.series.length),
    series,
  };
  return { answer, workMs: meter.ms };
}

/** Undefined: all rows are read anyway, or lie elsewhere, and to digest them pays for a live query alone. */
function keepingOf(
  { stretches, isLive = false }: KeptQuestion,
  { plan, parts, stored }: ChunkRows,
): Keeping | undefined {
  if (stretches === undefined || ranksByRows(plan)) return undefined;
  const stamps = stored.writes && stampsOf(plan, parts, stored.writes);
  return stamps || isLive
    ? { stretches, stamps, isShared: isLive && plan.fill !== undefined }
    : undefined;
}

/** Labels of all partitions are asked for at once, and known in the order of the partitions. */
async function labelled(
  plan: Plan,
  groups: SeriesGroups,
  parts: readonly PartitionSource[],
  tables: SeriesTables,
): Promise<void> {
  const { tenant, rollup } = plan;
  const stored = await Promise.all(
    parts.map(({ partition }) => lostWith(partition, () => tables.read(partition, tenant, rollup))),
  );
  for (const [i, { partition, newSeries }] of parts.entries()) {
    groups.extend(partition, stored[i] ?? []);
    groups.extend(partition, newSeries);
  }
  groups.checkRoom(plan);
}

interface Merged {
  readonly table: PointTable;
  readonly ranking: Ranking;
}

async function mergeParts(
  groups: SeriesGroups,
  rows: ChunkRows,
  first: PartsScan | undefined,
  meter: WorkMeter,
  keeping: Keeping | undefined,
): Promise<Merged> {
  const { plan } = rows;
  const ranking = new Ranking(plan, groups.labels.length);
  const table = new PointTable(plan, ranking);
  const merger = new ChunkMerger(rows, groups, ranking, meter, keeping);
  if (first !== undefined) merger.expect(first);
  keeping?.stretches.begin(plan.fromMs, plan.toMs);
  const chunks = chunksOf(plan);
  let turnMs = meter.ms;
  try {
    for (const [i, chunk] of chunks.entries()) {
      const next = chunks[i + 1];
      // Of what is kept it is only seen then what is to be read.
      if (next !== undefined && keeping?.stamps === undefined) merger.expect(scanOf(rows, next));
      const steps = await merger.steps(chunk);
      meter.run(() => {
        for (const step of steps) table.add(step);
      });
      // Of what is kept a chunk takes next to nothing.
      if (meter.ms - turnMs < TURN_MS) continue;
      await nextTurn();
      turnMs = meter.ms;
    }
  } finally {
    merger.close();
  }
  return { table, ranking };
}

/** One at least. */
function chunksOf({ edges, groups }: Plan): Chunk[] {
  const length = groups.some((group) => group > 0) ? CHUNK_POINTS_SKETCH : CHUNK_POINTS;
  const stretches = edges.length - 1;
  return Array.from({ length: Math.ceil(stretches / length) }, (_, i) => {
    const [first, end] = [i * length, Math.min(stretches, (i + 1) * length)];
    return { first, end, fromMs: edges[first] as number, toMs: edges[end] as number };
  });
}

/** Of fewer series it takes longer to look all steps up than to write them. */
const WRITTEN_SERIES_MIN = 4;

/** The first `limit` series in the asked order; equals are ordered by their labels, so that answers are stable. */
function bestSeries(
  plan: Plan,
  groups: SeriesGroups,
  { table, ranking }: Merged,
  written: WrittenBlocks | undefined,
  nowMs: number,
): readonly Series[] {
  const { orderBy, results, limit, fill } = plan;
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
  checkValues(fill === undefined ? table.count(best) : best.length * plan.points, results);
  const packed = table.packed(best, best.length < WRITTEN_SERIES_MIN ? undefined : written);
  const series = packed.map((each, place) =>
    lazySeries(groups.namedLabels(best[place] as number), {
      points: () => each.points(),
      columns: () => each,
      columnTexts: () => each.texts,
      packed: each,
    }),
  );
  return fill === undefined ? series : fillSeries(series, { ...plan, fill }, nowMs);
}

/** Throws `query_invalid` if so many points have too many values of these results. */
export function checkValues(points: number, { numbersPerPoint }: Results): void {
  if (points * numbersPerPoint <= ANSWER_VALUES_MAX) return;
  throw new AppError(
    'query_invalid',
    `the answer has more than ${ANSWER_VALUES_MAX} values: use a smaller limit, a larger step or fewer measures`,
  );
}
