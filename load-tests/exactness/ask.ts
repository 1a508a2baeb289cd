/** Asks a server as a client would. */
import { formatDuration } from '../../src/query/time.ts';
import { grouped } from '../results.ts';
import type { Server } from '../server.ts';
import type { Answered, AnsweredValue } from './judge.ts';
import type { Measure } from './measures.ts';
import { pointName } from './oracle.ts';
import type { Question } from './questions.ts';

const SERIES_MAX = 1_000;

interface Values {
  readonly values: readonly AnsweredValue[];
}

interface Timeseries {
  readonly timeseries: {
    readonly source: 'ROLLUP' | 'SEGMENTS';
    readonly resolutionMs: number;
    readonly stepMs: number;
    readonly scanned: { readonly files: number; readonly events: number } | null;
    readonly missingPartitions: readonly number[];
    readonly seriesFound: number;
    readonly series: readonly {
      readonly labels: readonly { readonly value: string | null }[];
      readonly points: readonly (Values & { readonly t: number; readonly end: number })[];
      readonly compared: readonly (Values & { readonly before: number })[] | null;
    }[];
  };
}

const VALUES =
  'values { value errorBound buckets { count errorBound } entries { value count error } }';

/** One set of the question's measures. `from`: who answered, for people. */
export async function ask(
  server: Server,
  { stream, steps, groupBy, where, from }: Question,
  measures: readonly Measure[],
): Promise<Answered & { readonly from: string }> {
  const { timeseries } = await server.query<Timeseries>(`{
    timeseries(
      stream: "${stream}", ${steps.asked}, groupBy: ${JSON.stringify(groupBy)}, limit: ${SERIES_MAX}
      ${where === undefined ? '' : `where: ${where.asked}`}
      source: ${from === 'events' ? 'SEGMENTS' : 'ROLLUP'}
      measures: [${measures.map(({ asked }) => asked).join(', ')}]
    ) {
      source resolutionMs stepMs scanned { files events } missingPartitions seriesFound
      series { labels { value } points { t end ${VALUES} } compared { before ${VALUES} } }
    }
  }`);
  const { source, resolutionMs, stepMs, scanned, series } = timeseries;
  const answers = new Map<string, readonly AnsweredValue[]>();
  for (const { labels, points, compared } of series) {
    const texts = labels.map(({ value }) => value);
    for (const { before, values } of compared ?? []) {
      answers.set(pointName(before, before + stepMs, texts), values);
    }
    if (compared !== null) continue;
    for (const { t, end, values } of points) answers.set(pointName(t, end, texts), values);
  }
  const isAsWanted = from === 'events' ? source === 'SEGMENTS' : resolutionMs === from;
  return {
    answers,
    from:
      source === 'ROLLUP'
        ? `rollup, ${formatDuration(resolutionMs)}`
        : `${grouped(scanned?.events ?? 0)} events in ${scanned?.files} files`,
    faults: [
      ...(isAsWanted
        ? []
        : [`expected an answer from ${from}, received ${source} ${resolutionMs}`]),
      ...(timeseries.missingPartitions.length === 0 ? [] : ['partitions are missing']),
      ...(timeseries.seriesFound === series.length ? [] : ['series are missing']),
    ],
  };
}
