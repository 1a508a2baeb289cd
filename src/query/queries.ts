/** The door to the query side: answers and live answers, within the bounds on how many work at a time. */
import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../model/clock.ts';
import { AppError, FAULT, toldOf } from '../model/errors.ts';
import type { RollupDefinition } from '../model/rollup.ts';
import { appliedAfter } from './after.ts';
import type { TimeseriesAnswer, TimeseriesSource } from './answer.ts';
import { Gate } from './gate.ts';
import { AFTER_TIMEOUT_MS, QUERIES_RUNNING_MAX, QUERIES_WAITING_MAX } from './limits.ts';
import { LiveQueries } from './live.ts';
import { type LiveMessage, type Scheduler, systemScheduler } from './live-query.ts';
import { type Plan, planFromRollup, planTimeseries } from './plan.ts';
import type { PartitionClient, RollupCatalog, StoredRollups } from './ports.ts';
import type { TimeseriesRequest } from './request.ts';
import { SeriesGroups } from './series-groups.ts';
import { SeriesTables } from './series-tables.ts';
import { KeptSteps } from './step-values.ts';
import { answerTimeseries, type TimeseriesSources, type TimeseriesWork } from './timeseries.ts';

export interface QueriesOptions {
  readonly partitions: PartitionClient;
  readonly stored: StoredRollups;
  readonly catalog: RollupCatalog;
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
  readonly afterTimeoutMs?: number;
  /** Undefined where there is no archive. */
  readonly segments?: SegmentQueries | undefined;
}

/** What answers where no rollup does. */
export interface SegmentQueries {
  /** `note` says why no rollup does. */
  timeseries(
    request: TimeseriesRequest,
    note: string | null,
    after: string | undefined,
  ): Promise<TimeseriesAnswer>;
  /** Since when the rollup counts, if that is later than `fromMs` and events of before are archived. */
  lacksBeforeMs(
    tenant: string,
    rollup: RollupDefinition,
    fromMs: number,
  ): Promise<number | undefined>;
}

export interface TimeseriesOptions {
  /** A position of an ingest answer; the answer then includes what it stands for. */
  readonly after?: string;
  /** Default: a rollup if one covers the question. */
  readonly source?: TimeseriesSource;
}

export class Queries {
  readonly live: LiveQueries;
  readonly #sources: TimeseriesSources;
  readonly #catalog: RollupCatalog;
  readonly #gate = new Gate({
    runningMax: QUERIES_RUNNING_MAX,
    waitingMax: QUERIES_WAITING_MAX,
  });
  readonly #afterTimeoutMs: number;
  readonly #segments: SegmentQueries | undefined;

  constructor({
    partitions,
    stored,
    catalog,
    clock = systemClock,
    scheduler = systemScheduler,
    afterTimeoutMs = AFTER_TIMEOUT_MS,
    segments,
  }: QueriesOptions) {
    this.#segments = segments;
    this.#sources = { partitions, stored, tables: new SeriesTables(stored), clock };
    this.#catalog = catalog;
    this.#afterTimeoutMs = afterTimeoutMs;
    this.live = new LiveQueries({
      answererFor: (request) => {
        const plan = this.#plan(request);
        if (typeof plan === 'string') throw new AppError('query_invalid', `${plan}${LIVE_ONLY}`);
        return this.#answererFor(request, new KeptSteps());
      },
      partitions,
      clock,
      scheduler,
      newId: () => randomUUID().slice(0, 8),
    });
  }

  /** Rejects with `query_invalid`, which says what each rollup lacks, if nothing else can answer either. */
  async timeseries(
    request: TimeseriesRequest,
    { after, source }: TimeseriesOptions = {},
  ): Promise<TimeseriesAnswer> {
    const segments = source === 'ROLLUP' ? undefined : this.#segments;
    const plan = this.#plan(request);
    if (typeof plan === 'string') {
      if (segments !== undefined) return segments.timeseries(request, plan, after);
      throw new AppError('query_invalid', source === 'SEGMENTS' ? NO_SEGMENTS : plan);
    }
    if (source !== 'SEGMENTS') return this.#fromRollup(plan, request, segments, after);
    if (segments === undefined) throw new AppError('query_invalid', NO_SEGMENTS);
    return segments.timeseries(request, null, after);
  }

  /** Where it has not seen what is asked for and segments have, these answer, if they can. */
  async #fromRollup(
    { rollup, fromMs }: Plan,
    request: TimeseriesRequest,
    segments: SegmentQueries | undefined,
    after: string | undefined,
  ): Promise<TimeseriesAnswer> {
    const sinceMs = await segments?.lacksBeforeMs(request.tenant, rollup, fromMs);
    if (segments === undefined || sinceMs === undefined) return this.#answerNow(request, after);
    const note = `"${rollup.name}" counts since ${new Date(sinceMs).toISOString()}`;
    try {
      return await segments.timeseries(request, note, after);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const answer = await this.#answerNow(request, after);
      const reason = toldOf(error) ?? FAULT[error.code].meaning;
      return { ...answer, note: `${note}, and events of before are not read: ${reason}` };
    }
  }

  async #answerNow(
    request: TimeseriesRequest,
    after: string | undefined,
  ): Promise<TimeseriesAnswer> {
    const { partitions } = this.#sources;
    if (after !== undefined) await appliedAfter(after, partitions, this.#afterTimeoutMs);
    const { answer } = await this.#answererFor(request)();
    return answer;
  }

  subscribe(request: TimeseriesRequest, cursor?: string): AsyncIterableIterator<LiveMessage> {
    return this.live.subscribe(request, cursor);
  }

  close(): void {
    this.live.close();
  }

  #plan(request: TimeseriesRequest): Plan | string {
    const rollups = this.#catalog.rollups(request.tenant);
    return planFromRollup(request, rollups, this.#sources.clock.now());
  }

  /** Plans at once, to refuse at once; plans again for each answer, because a sliding range moves. */
  #answererFor(request: TimeseriesRequest, kept?: KeptSteps): () => Promise<TimeseriesWork> {
    const planNow = () =>
      planTimeseries(request, this.#catalog.rollups(request.tenant), this.#sources.clock.now());
    let planned = planNow();
    let groups = new SeriesGroups(planned);
    return () =>
      this.#gate.run(request.tenant, async () => {
        const plan = planNow();
        if (plan.rollup !== planned.rollup || plan.points !== planned.points) {
          groups = new SeriesGroups(plan);
          kept?.clear();
        }
        planned = plan;
        return answerTimeseries(plan, groups, this.#sources, kept);
      });
  }
}

const LIVE_ONLY = ' (a subscription is answered from rollups only; a query also from segments)';
const NO_SEGMENTS =
  'this server keeps no segments, because it has no archive: set "archive.enabled"';
