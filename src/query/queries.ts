/** The door to the query side: answers and live answers, within the bounds on how many work at a time. */
import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../model/clock.ts';
import { appliedAfter } from './after.ts';
import type { TimeseriesAnswer } from './answer.ts';
import { Gate } from './gate.ts';
import { AFTER_TIMEOUT_MS, QUERIES_RUNNING_MAX, QUERIES_WAITING_MAX } from './limits.ts';
import { LiveQueries } from './live.ts';
import { type LiveMessage, type Scheduler, systemScheduler } from './live-query.ts';
import { planTimeseries } from './plan.ts';
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

  constructor({
    partitions,
    stored,
    catalog,
    clock = systemClock,
    scheduler = systemScheduler,
    afterTimeoutMs = AFTER_TIMEOUT_MS,
  }: QueriesOptions) {
    this.#sources = { partitions, stored, tables: new SeriesTables(stored), clock };
    this.#catalog = catalog;
    this.#afterTimeoutMs = afterTimeoutMs;
    this.live = new LiveQueries({
      answererFor: (request) => this.#answererFor(request, new KeptSteps()),
      partitions,
      clock,
      scheduler,
      newId: () => randomUUID().slice(0, 8),
    });
  }

  /** `after`: a position of an ingest answer; the answer then includes what it stands for. */
  async timeseries(request: TimeseriesRequest, after?: string): Promise<TimeseriesAnswer> {
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
