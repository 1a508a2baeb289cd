/**
 * Questions that no rollup covers, answered from single events: exact, as far as partitions have committed, and dearer the more
 * events the range has.
 */
import type { Clock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import { DEFAULT_LATENESS_MS } from '../model/rollup.ts';
import { EPOCH_MS_MAX } from '../model/units.ts';
import type { MeasuredValue, Series, TimeseriesAnswer } from './answer.ts';
import type { FoundSeries, SeriesAnswer, SeriesQuestion } from './cold/cold-port.ts';
import type { CommittedHeads } from './committed-heads.ts';
import { ANSWER_VALUES_MAX, SERIES_LIMIT_DEFAULT } from './limits.ts';
import { ORDER_DEFAULT, pointsOf } from './plan.ts';
import type { PartitionClient } from './ports.ts';
import { rangeIn } from './range.ts';
import type { TimeseriesRequest } from './request.ts';
import { tooManyValues } from './timeseries.ts';

export interface SegmentSeriesTools {
  /** Undefined: no event of the stream is known. `after` is a position of an ingest answer. */
  ask(question: SeriesQuestion, after: string | undefined): Promise<SeriesAnswer | undefined>;
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
  const question = questionOf(request, tools.clock.now(), tools.scanRowsMax);
  // Before the events are looked at: what comes meanwhile must not count as seen.
  const watermark = await watermarkMs(tools);
  const found = await tools.ask(question, after);
  if (found === undefined && note !== null) {
    throw new AppError(
      'query_invalid',
      `${note}; and no event of stream "${request.stream}" is known`,
    );
  }
  const { series, seriesFound, files, events } = found ?? NOTHING;
  const values = series.reduce((sum, { steps }) => sum + steps.length, 0) * request.measures.length;
  if (values > ANSWER_VALUES_MAX) throw tooManyValues();
  const { fromMs, toMs, stepMs } = question;
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
    seriesFound,
    series: series.map((each) => seriesOf(each, question)),
  };
}

const NOTHING: SeriesAnswer = { series: [], seriesFound: 0, files: 0, events: 0 };

function questionOf(
  request: TimeseriesRequest,
  nowMs: number,
  scanRowsMax: number,
): SeriesQuestion {
  const { tenant, stream, measures, groupBy, where } = request;
  const range = rangeIn(EVENTS, request, nowMs);
  if (typeof range === 'string') throw new AppError('query_invalid', `there is no ${range}`);
  pointsOf(range);
  const { fromMs, toMs, stepMs } = range;
  return {
    tenant,
    stream,
    fromMs,
    toMs,
    stepMs,
    measures,
    groupBy,
    ...(where !== undefined && { where }),
    limit: request.limit ?? SERIES_LIMIT_DEFAULT,
    orderBy: request.orderBy ?? ORDER_DEFAULT,
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

function seriesOf(
  { labels, steps, values }: FoundSeries,
  { fromMs, toMs, stepMs, measures, groupBy }: SeriesQuestion,
): Series {
  return {
    labels: groupBy.map((name, i) => ({ name, value: labels[i] ?? null })),
    points: steps.map((step, i) => {
      const t = fromMs + step * stepMs;
      const factor = 1_000 / Math.min(stepMs, toMs - t);
      return {
        t,
        values: measures.map(({ op }, m) =>
          exactly(values[m]?.[i] ?? null, op === 'rate' ? factor : 1),
        ),
      };
    }),
  };
}

/** A sum that left the range of a double is answered as its end, with a bound that says so; as rollups do. */
function exactly(value: number | null, factor: number): MeasuredValue {
  if (value === null || Number.isNaN(value)) return { value: null, errorBound: 0 };
  if (Number.isFinite(value)) return { value: value * factor, errorBound: 0 };
  return { value: Math.sign(value) * Number.MAX_VALUE, errorBound: Number.MAX_VALUE };
}
