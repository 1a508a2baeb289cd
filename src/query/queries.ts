/** The door to the query side: answers and live answers, within the bounds on how many work at a time. */
import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../model/clock.ts';
import { AppError, isFault } from '../model/errors.ts';
import type { RollupDefinition } from '../model/rollup.ts';
import { askedAfter } from './after.ts';
import type { TimeseriesAnswer, TimeseriesSource } from './answer.ts';
import {
  checkComparable,
  earlierRequest,
  shiftMsOf,
  withCompared,
  withSharedStep,
} from './compare.ts';
import { consideredRollups } from './considered.ts';
import { explainRollup } from './explain.ts';
import type { Explanation } from './explanation.ts';
import { Gate } from './gate.ts';
import { KeptQuestions } from './kept-questions.ts';
import { KeptStretches } from './kept-stretches.ts';
import {
  AFTER_TIMEOUT_MS,
  LIVE_KEPT_BYTES_MAX,
  QUERIES_RUNNING_MAX,
  QUERIES_WAITING_MAX,
} from './limits.ts';
import { LiveQueries, type SubscribeOptions } from './live.ts';
import { type LiveMessage, type Scheduler, systemScheduler } from './live-query.ts';
import { type Plan, planFromRollup, planTimeseries, type Since } from './plan.ts';
import type { PartitionClient, RollupCatalog, StoredRollups } from './ports.ts';
import type { TimeseriesRequest } from './request.ts';
import { resultsOf } from './results.ts';
import { type Question, route, type SegmentQueries } from './route.ts';
import { SeriesGroups } from './series-groups.ts';
import { SeriesTables } from './series-tables.ts';
import {
  answerTimeseries,
  type KeptQuestion,
  type TimeseriesSources,
  type TimeseriesWork,
} from './timeseries.ts';

export interface QueriesOptions {
  readonly partitions: PartitionClient;
  readonly stored: StoredRollups;
  readonly catalog: RollupCatalog;
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
  readonly afterTimeoutMs?: number;
  /** Undefined where there is no archive. */
  readonly segments?: SegmentQueries | undefined;
  /** What may be kept of answers, for who asks the same again. Default: nothing. */
  readonly keptBytesMax?: number;
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
  readonly #kept: KeptQuestions;

  constructor({
    partitions,
    stored,
    catalog,
    clock = systemClock,
    scheduler = systemScheduler,
    afterTimeoutMs = AFTER_TIMEOUT_MS,
    segments,
    keptBytesMax = 0,
  }: QueriesOptions) {
    this.#segments = segments;
    this.#kept = new KeptQuestions(keptBytesMax, stored.writes);
    this.#sources = { partitions, stored, tables: new SeriesTables(stored), clock };
    this.#catalog = catalog;
    this.#afterTimeoutMs = afterTimeoutMs;
    this.live = new LiveQueries({
      answererFor: (request) => {
        const plan = this.#plan(request);
        if (typeof plan === 'string') throw new AppError('query_invalid', `${plan}${LIVE_ONLY}`);
        return this.#liveAnswererFor(request);
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
    options: TimeseriesOptions = {},
  ): Promise<TimeseriesAnswer> {
    const { compare } = request;
    if (compare === undefined) return this.#answer(request, options);
    checkComparable(request);
    const stepped = withSharedStep(request, compare, (each) => this.#plan(each));
    const answer = await this.#answer(stepped, options);
    const shiftMs = shiftMsOf(compare, answer);
    const earlier = await this.#answer(earlierRequest(request, answer, shiftMs), options);
    return withCompared(answer, earlier, shiftMs, resultsOf(request));
  }

  /** Throws `query_invalid` if it is no question that anybody could ever answer. */
  check(request: TimeseriesRequest): void {
    if (request.compare !== undefined) checkComparable(request);
    this.#plan(request);
  }

  /** What `timeseries` would do, without doing it: what it would reject with is the problem, but for arguments that are none. */
  async explain(request: TimeseriesRequest, source?: TimeseriesSource): Promise<Explanation> {
    const { compare } = request;
    if (compare === undefined) return this.#explain(request, source);
    checkComparable(request);
    const stepped = withSharedStep(request, compare, (each) => this.#plan(each));
    const explanation = await this.#explain(stepped, source);
    const { plan } = explanation;
    if (plan === null) return explanation;
    // Which series there are decides nothing about who answers.
    const answer = { ...plan, series: [] };
    const earlier = earlierRequest(request, answer, shiftMsOf(compare, plan));
    return { ...explanation, compared: await this.#explain(earlier, source) };
  }

  #answer(
    request: TimeseriesRequest,
    { after, source }: TimeseriesOptions,
  ): Promise<TimeseriesAnswer> {
    return route(this.#question(request, source), {
      rollup: () => this.#answerNow(request, after),
      segments: (segments, note) => segments.timeseries(request, note, after),
    });
  }

  async #explain(
    request: TimeseriesRequest,
    source: TimeseriesSource | undefined,
  ): Promise<Explanation> {
    const question = this.#question(request, source);
    const consider = (taken: RollupDefinition | undefined) =>
      consideredRollups(request, taken, ...this.#planned(request.tenant));
    try {
      const plan = await route(question, {
        rollup: (planned) =>
          this.#gate.run(request.tenant, () => explainRollup(planned, this.#sources)),
        segments: (segments, note) => segments.explain(request, note),
      });
      return { plan, problem: null, rollups: consider(plan.rollup ?? undefined) };
    } catch (error) {
      if (!isFault(error, 'query_invalid')) throw error;
      return { plan: null, problem: error.message, rollups: consider(undefined) };
    }
  }

  #question(request: TimeseriesRequest, source: TimeseriesSource | undefined): Question {
    const { tenant, stream } = request;
    return { tenant, stream, plan: this.#plan(request), source, segments: this.#segments };
  }

  async #answerNow(
    request: TimeseriesRequest,
    after: string | undefined,
  ): Promise<TimeseriesAnswer> {
    const ask = async () => (await this.#answerFrom(request)).answer;
    if (after === undefined) return ask();
    return askedAfter(after, this.#sources.partitions, this.#afterTimeoutMs, ask);
  }

  subscribe(
    request: TimeseriesRequest,
    options?: SubscribeOptions,
  ): AsyncIterableIterator<LiveMessage> {
    return this.live.subscribe(request, options);
  }

  close(): void {
    this.live.close();
  }

  #plan(request: TimeseriesRequest): Plan | string {
    return planFromRollup(request, ...this.#planned(request.tenant));
  }

  /** What a plan goes by, besides the request. */
  #planned(tenant: string): [readonly RollupDefinition[], number, Since] {
    const since: Since = (rollup) => this.#catalog.sinceMs(tenant, rollup);
    return [this.#catalog.rollups(tenant), this.#sources.clock.now(), since];
  }

  #answerFrom(request: TimeseriesRequest): Promise<TimeseriesWork> {
    return this.#gate.run(request.tenant, () => {
      // It was planned already, to see who answers. While it waits time goes on.
      const plan = planTimeseries(request, ...this.#planned(request.tenant));
      return this.#kept.answer(request, plan, (kept) =>
        answerTimeseries(plan, kept, this.#sources),
      );
    });
  }

  /** Plans at once, to refuse at once; plans again for each answer, because a sliding range moves. */
  #liveAnswererFor(request: TimeseriesRequest): () => Promise<TimeseriesWork> {
    const planNow = () => planTimeseries(request, ...this.#planned(request.tenant));
    const clearsNow = () => this.#sources.stored.writes?.clears();
    let planned = planNow();
    let clears = clearsNow();
    let kept = liveQuestion(planned);
    return () =>
      this.#gate.run(request.tenant, async () => {
        const plan = planNow();
        const isSame = plan.rollup === planned.rollup && plan.points === planned.points;
        if (!isSame || clears !== clearsNow()) kept = liveQuestion(plan);
        planned = plan;
        clears = clearsNow();
        return answerTimeseries(plan, kept, this.#sources);
      });
  }
}

const liveQuestion = (plan: Plan): KeptQuestion => ({
  groups: new SeriesGroups(plan),
  stretches: new KeptStretches(LIVE_KEPT_BYTES_MAX),
  isLive: true,
});

const LIVE_ONLY = ' (a subscription is answered from rollups only; a query also from segments)';
