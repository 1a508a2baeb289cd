/**
 * Questions that no rollup covers, answered from single events: exact, as far as partitions have committed, and dearer the more
 * events the range has.
 */
import { bucketsBetween } from '../aggregate/histogram.ts';
import type { Clock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import type { Term } from '../model/expression.ts';
import { DEFAULT_LATENESS_MS } from '../model/rollup.ts';
import { EPOCH_MS_MAX } from '../model/units.ts';
import type { MeasuredValue, Series, TimeseriesAnswer } from './answer.ts';
import type {
  FoundSeries,
  FoundValue,
  SeriesAnswer,
  SeriesMeasure,
  SeriesQuestion,
  SeriesScan,
} from './cold/cold-port.ts';
import type { CommittedHeads } from './committed-heads.ts';
import type { AnswerPlan } from './explanation.ts';
import { computeSeries, fillSeries } from './fill.ts';
import { SERIES_LIMIT_DEFAULT, TOP_ENTRIES_DEFAULT } from './limits.ts';
import { checkShape, ORDER_DEFAULT } from './plan.ts';
import type { PartitionClient } from './ports.ts';
import { type Range, rangeIn } from './range.ts';
import type { TimeseriesRequest } from './request.ts';
import type { Results } from './results.ts';
import { pointAt, pointsIn, type Steps, stretchAt } from './steps.ts';
import { checkValues } from './timeseries.ts';

export interface SegmentSeriesTools {
  /** Undefined: no event of the stream is known. `after` is a position of an ingest answer. */
  ask(question: SeriesQuestion, after: string | undefined): Promise<SeriesAnswer | undefined>;
  /** What that would read. */
  scan(question: SeriesQuestion): Promise<SeriesScan | undefined>;
  readonly scanRowsMax: number;
  /** Of `[partition]` the offset before which everything is committed. */
  committed(partition: number): number;
  readonly partitions: Pick<PartitionClient, 'partitions' | 'endOffset'>;
  readonly heads: CommittedHeads;
  readonly clock: Clock;
}

/** Of single events the time is known to the millisecond, however old they are. */
const EVENTS = { resolutions: [{ stepMs: 1, retentionMs: EPOCH_MS_MAX }] };

/**
 * @param note why it is not answered by a rollup
 * Rejects with `query_invalid` if it had to read too much, and as single events are asked.
 */
export async function answerFromSegments(
  tools: SegmentSeriesTools,
  request: TimeseriesRequest,
  note: string | null,
  after: string | undefined,
): Promise<TimeseriesAnswer> {
  const { results, range, question, nowMs } = prepared(tools, request);
  // Before the events are looked at: what comes meanwhile must not count as seen.
  const watermark = await watermarkMs(tools);
  const found = await tools.ask(question, after);
  if (found === undefined && note !== null) throw unknownStream(request, note);
  const { series, seriesFound, files, events } = found ?? NOTHING;
  const { fromMs, toMs, stepMs, steps } = range;
  const { fill, groupBy } = request;
  const pointsFound = series.reduce((sum, { steps: places }) => sum + places.length, 0);
  checkValues(fill === undefined ? pointsFound : series.length * pointsIn(steps), results);
  const measured = series.map((each) => seriesOf(each, question, steps));
  const shown =
    fill === undefined
      ? computeSeries(measured, results)
      : fillSeries(
          measured,
          { ...steps, ...{ results, groupBy, fill }, only: request.only },
          nowMs,
        );
  return {
    fromMs,
    toMs,
    stepMs,
    source: 'SEGMENTS',
    rollup: null,
    resolutionMs: 1,
    note,
    scanned: { files, events },
    watermarkMs: Number.isFinite(watermark) ? watermark : null,
    complete: watermark >= toMs,
    restated: false,
    missingPartitions: [],
    seriesFound: Math.max(seriesFound, shown.length),
    names: results.names,
    series: shown,
  };
}

/** What `answerFromSegments` would do, which it refuses alike. */
export async function explainSegments(
  tools: SegmentSeriesTools,
  request: TimeseriesRequest,
  note: string | null,
): Promise<AnswerPlan> {
  const { range, question } = prepared(tools, request);
  const { fromMs, toMs, stepMs, steps } = range;
  const found = await tools.scan(question);
  if (found === undefined && note !== null) throw unknownStream(request, note);
  return {
    ...{ source: 'SEGMENTS', note, rollup: null, resolutionMs: 1, fromMs, toMs, stepMs },
    points: pointsIn(steps),
    rows: null,
    partitions: [],
    segments: { ...(found ?? NOTHING_READ), eventsAllowed: tools.scanRowsMax },
  };
}

const NOTHING_READ: SeriesScan = {
  archived: { files: 0, events: 0 },
  log: { files: 0, events: 0 },
  eventsCounted: 0,
};

function prepared(tools: SegmentSeriesTools, request: TimeseriesRequest) {
  const results = checkShape(request);
  const nowMs = tools.clock.now();
  const range = rangeIn(EVENTS, request, nowMs);
  if (typeof range === 'string') throw new AppError('query_invalid', `there is no ${range}`);
  return {
    results,
    range,
    question: questionOf(request, results, range, tools.scanRowsMax),
    nowMs,
  };
}

const unknownStream = ({ stream }: TimeseriesRequest, note: string): AppError =>
  new AppError('query_invalid', `${note}; and no event of stream "${stream}" is known`);

const NOTHING: SeriesAnswer = { series: [], seriesFound: 0, files: 0, events: 0 };

function questionOf(
  request: TimeseriesRequest,
  { measures, terms }: Results,
  { toMs, steps: { edges, windows } }: Range,
  scanRowsMax: number,
): SeriesQuestion {
  const { tenant, stream, groupBy, where, orderBy = ORDER_DEFAULT } = request;
  const placeOf = (ms: number): number => stretchAt(edges, ms, 0, edges.length);
  return {
    tenant,
    stream,
    fromMs: edges[0] as number,
    toMs,
    edges,
    ...(windows !== undefined && {
      windows: windows.map(({ fromMs, endMs }) => ({
        first: placeOf(fromMs),
        end: placeOf(endMs),
      })),
    }),
    measures: measures.map((each) =>
      each.op === 'top' ? { ...each, k: each.k ?? TOP_ENTRIES_DEFAULT } : each,
    ),
    groupBy,
    ...(where !== undefined && { where }),
    ...(request.only !== undefined && { only: request.only }),
    limit: request.limit ?? SERIES_LIMIT_DEFAULT,
    orderBy: { term: terms[orderBy.measure] as Term, descending: orderBy.descending },
    scanRowsMax,
  };
}

/** Events at or before it are committed, but for those that are later than rollups wait by default. */
async function watermarkMs({
  partitions,
  committed,
  heads,
  clock,
}: SegmentSeriesTools): Promise<number> {
  const all = await Promise.all(
    Array.from({ length: partitions.partitions }, async (_, partition) => {
      // A partition that has nothing to commit knows all there is: its time is the clock's.
      const nowMs = clock.now();
      if (committed(partition) >= partitions.endOffset(partition)) return nowMs;
      return (await heads.head(partition))?.watermarkMs ?? Number.NEGATIVE_INFINITY;
    }),
  );
  return Math.min(...all) - DEFAULT_LATENESS_MS;
}

/** With the values of measures. */
function seriesOf(
  { labels, steps: places, values }: FoundSeries,
  { measures, groupBy }: SeriesQuestion,
  steps: Steps,
): Series {
  return {
    labels: groupBy.map((name, i) => ({ name, value: labels[i] ?? null })),
    points: places.map((place, i) => {
      const { tMs, endMs, fromMs } = pointAt(steps, place);
      const factor = 1_000 / (endMs - fromMs);
      return {
        t: tMs,
        end: endMs,
        values: measures.map((measure, m) => measured(measure, values[m]?.[i] ?? null, factor)),
      };
    }),
  };
}

function measured(
  { op, buckets }: SeriesMeasure,
  found: FoundValue,
  factor: number,
): MeasuredValue {
  if (found === null || typeof found === 'number')
    return exactly(found, op === 'rate' ? factor : 1);
  if ('total' in found) {
    const entries = found.entries.map((entry) => ({ ...entry, error: 0 }));
    return { ...exactly(found.total, 1), entries };
  }
  const value = found.reduce((sum, count) => sum + count, 0);
  return { value, errorBound: 0, buckets: bucketsBetween(buckets ?? [], found) };
}

/** A sum that left the range of a double is answered as its end, with a bound that says so; as rollups do. */
function exactly(value: number | null, factor: number): MeasuredValue {
  if (value === null || Number.isNaN(value)) return { value: null, errorBound: 0 };
  if (Number.isFinite(value)) return { value: value * factor, errorBound: 0 };
  return { value: Math.sign(value) * Number.MAX_VALUE, errorBound: Number.MAX_VALUE };
}
