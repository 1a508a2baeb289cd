/** All live queries of the server: equal queries of a tenant run once, however many subscribe. */
import type { Clock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import {
  LIVE_EVERY_MS_MAX,
  LIVE_QUERIES_MAX,
  LIVE_QUERIES_PER_TENANT_MAX,
  LIVE_SUBSCRIBERS_MAX,
  LIVE_SUBSCRIBERS_PER_TENANT_MAX,
  LIVE_TICK_MS,
} from './limits.ts';
import { type LiveMessage, LiveQuery, type Scheduler } from './live-query.ts';
import type { PartitionClient } from './ports.ts';
import { pullIterator } from './pull-iterator.ts';
import type { TimeseriesRequest } from './request.ts';
import type { TimeseriesWork } from './timeseries.ts';

export interface LiveOptions {
  /** Makes the function that answers one live query again and again; throws if it can never be answered. */
  readonly answererFor: (request: TimeseriesRequest) => () => Promise<TimeseriesWork>;
  readonly partitions: Pick<PartitionClient, 'onApplied'>;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Makes an id that no earlier life of the server has used. */
  readonly newId: () => string;
}

export interface SubscribeOptions {
  /** Of the last message that was received before. */
  readonly cursor?: string;
  /** Messages come at most this often, with all that has changed meanwhile. Default and least: `LIVE_TICK_MS`. */
  readonly everyMs?: number;
}

interface Running {
  readonly tenant: string;
  readonly query: LiveQuery;
  subscribers: number;
}

export class LiveQueries {
  readonly #options: LiveOptions;
  readonly #running = new Map<string, Running>();
  #subscribers = 0;
  #stopListening: (() => void) | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  get subscribers(): number {
    return this.#subscribers;
  }

  get queries(): number {
    return this.#running.size;
  }

  /** Throws `query_invalid` at once if no rollup can answer, `query_overload` if a bound is reached. */
  subscribe(
    request: TimeseriesRequest,
    { cursor, everyMs = 0 }: SubscribeOptions = {},
  ): AsyncIterableIterator<LiveMessage> {
    const { tenant } = request;
    if (everyMs > LIVE_EVERY_MS_MAX) {
      const most = LIVE_EVERY_MS_MAX / 1_000;
      const message = `every: expected at most ${most} s, received ${everyMs / 1_000} s: ask the query again instead`;
      throw new AppError('query_invalid', message);
    }
    const tickMs = Math.max(LIVE_TICK_MS, everyMs);
    if (this.#subscribers >= LIVE_SUBSCRIBERS_MAX) throw tooMany(LIVE_SUBSCRIBERS_MAX);
    const own = [...this.#running.values()].filter((running) => running.tenant === tenant);
    const ownSubscribers = own.reduce((sum, { subscribers }) => sum + subscribers, 0);
    if (ownSubscribers >= LIVE_SUBSCRIBERS_PER_TENANT_MAX) {
      throw tooMany(LIVE_SUBSCRIBERS_PER_TENANT_MAX);
    }
    // The key order of a request is the same for all: they are built in one place.
    const key = JSON.stringify([tickMs, request]);
    const known = this.#running.get(key);
    const running =
      known?.query.hasEnded === false ? known : this.#start(key, request, tickMs, own.length);
    running.subscribers++;
    this.#subscribers++;
    return this.#cursorInto(running.query, cursor, () => this.#leave(key, running));
  }

  /** Ends every subscription. */
  close(): void {
    for (const { query } of this.#running.values()) query.close();
    this.#running.clear();
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  #start(key: string, request: TimeseriesRequest, tickMs: number, ownQueries: number): Running {
    const isFull = this.#running.size >= LIVE_QUERIES_MAX;
    if (isFull || ownQueries >= LIVE_QUERIES_PER_TENANT_MAX) {
      const running = isFull ? LIVE_QUERIES_MAX : LIVE_QUERIES_PER_TENANT_MAX;
      throw new AppError(
        'query_overload',
        `${running} different live queries run already: end one, or subscribe to an equal query`,
      );
    }
    const { answererFor, partitions, clock, scheduler, newId } = this.#options;
    const query = new LiveQuery({
      answer: answererFor(request),
      clock,
      scheduler,
      tickMs,
      id: newId(),
      competitors: () => this.#running.size,
      subscribers: () => running.subscribers,
    });
    const running: Running = { tenant: request.tenant, query, subscribers: 0 };
    this.#running.set(key, running);
    this.#stopListening ??= partitions.onApplied(() => {
      for (const each of this.#running.values()) each.query.touch();
    });
    return running;
  }

  #leave(key: string, running: Running): void {
    this.#subscribers--;
    running.subscribers--;
    const isOver = running.subscribers === 0 || running.query.hasEnded;
    if (!isOver || this.#running.get(key) !== running) return;
    running.query.close();
    this.#running.delete(key);
    if (this.#running.size > 0) return;
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  #cursorInto(
    query: LiveQuery,
    cursor: string | undefined,
    onEnd: () => void,
  ): AsyncIterableIterator<LiveMessage> {
    let seen = cursor === undefined ? undefined : query.resume(cursor);
    let isStopped = false;
    const pull = async (): Promise<LiveMessage | undefined> => {
      while (!isStopped) {
        const delivery = query.deliver(seen);
        if (delivery === 'closed') break;
        if (delivery !== undefined) {
          seen = delivery.seen;
          return delivery.message;
        }
        await query.moved();
      }
      return undefined;
    };
    return pullIterator(pull, () => {
      isStopped = true;
      onEnd();
      query.wake();
    });
  }
}

const tooMany = (open: number): AppError =>
  new AppError('query_overload', `${open} subscriptions are open already`);
