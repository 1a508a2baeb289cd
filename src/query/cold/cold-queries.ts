/** Questions about single events, as they are allowed: within bounds, so many at a time. */
import { type ByteSource, endingWith } from '../../model/byte-source.ts';
import { systemClock } from '../../model/clock.ts';
import { AppError } from '../../model/errors.ts';
import { askedAfter } from '../after.ts';
import { isCommittedBy } from '../committed-by.ts';
import { Places } from '../places.ts';
import type { PartitionClient } from '../ports.ts';
import type { ColdGate, ColdKind } from './cold-gate.ts';
import type {
  ColdPort,
  EventsQuestion,
  ExportQuestion,
  SeriesAnswer,
  SeriesQuestion,
  SeriesScan,
  SqlAnswer,
  StoredEvent,
} from './cold-port.ts';
import { decodeEventKey, encodeEventKey } from './event-cursor.ts';
import { COMMITTED_POLL_MS, COMMITTED_TIMEOUT_MS, EVENTS_PAGE_MAX } from './limits.ts';

export interface EventsRequest extends Omit<EventsQuestion, 'after'> {
  /** The cursor of the page before. */
  readonly after?: string;
  /** Of an ingest answer: its events are in the answer. */
  readonly position?: string;
}

export interface ExportRequest extends Omit<ExportQuestion, 'endMs'> {
  /** As of an `EventsRequest`. */
  readonly position?: string;
}

export interface EventPage {
  readonly events: readonly StoredEvent[];
  readonly nextCursor: string | undefined;
}

export class ColdQueries {
  readonly #port: ColdPort;
  readonly #partitions: PartitionClient;
  readonly #gate: ColdGate;
  /** Of exports. A tenant leaves one to the others, if there are several. */
  readonly #places: Places;

  constructor(port: ColdPort, partitions: PartitionClient, gate: ColdGate) {
    this.#port = port;
    this.#partitions = partitions;
    this.#gate = gate;
    const max = port.exports.concurrency;
    const maxEach = Math.max(1, max - 1);
    this.#places = new Places(
      { max, maxEach },
      (own, all) =>
        `${all} exports run, ${own} of them of this tenant; there may be ${max}, ${maxEach} of a tenant: try again when one has ended, or raise "cold.exports.concurrency"`,
    );
  }

  async events({ after, position, ...request }: EventsRequest): Promise<EventPage> {
    checkCount('first', request.first, EVENTS_PAGE_MAX);
    const question = { ...request, ...(after !== undefined && { after: decodeEventKey(after) }) };
    const { events, hasMore } = await this.#ask('events', request, position, () =>
      this.#port.events(question),
    );
    const last = events.at(-1);
    return { events, nextCursor: hasMore && last ? encodeEventKey(last) : undefined };
  }

  event({
    position,
    ...question
  }: Omit<EventsRequest, 'first' | 'after'>): Promise<StoredEvent | undefined> {
    return this.#ask('event', question, position, () => this.#port.event(question));
  }

  async sql(request: {
    readonly tenant: string;
    readonly query: string;
    readonly limit: number;
    readonly position?: string;
  }): Promise<SqlAnswer> {
    const { position, ...question } = request;
    checkCount('limit', question.limit, this.#port.rowsMax);
    return this.#ask('sql', question, position, () => this.#port.sql(question));
  }

  /** Undefined: no event of the stream is known. `after` is a position. */
  timeseries(
    question: SeriesQuestion,
    after: string | undefined,
  ): Promise<SeriesAnswer | undefined> {
    return this.#ask('timeseries', question, after, () => this.#port.timeseries(question));
  }

  /** What that would read; it has its turn among these questions, because the log is staged for it alike. */
  scan(question: SeriesQuestion): Promise<SeriesScan | undefined> {
    return this.#ask('timeseries', question, undefined, () => this.#port.scan(question));
  }

  /** Whoever is answered reads to the end or closes: until then it has one of few places. */
  async export({ position, ...request }: ExportRequest): Promise<ByteSource> {
    const leave = this.#places.enter(request.tenant);
    try {
      if (position !== undefined) await this.#committedAfter(position);
      const endMs = systemClock.now() + this.#port.exports.timeoutMs;
      return endingWith(await this.#port.export({ ...request, endMs }), leave);
    } catch (error) {
      leave();
      throw error;
    }
  }

  async #ask<T>(
    kind: ColdKind,
    { tenant }: { readonly tenant: string },
    position: string | undefined,
    ask: () => Promise<T>,
  ): Promise<T> {
    if (position !== undefined) await this.#committedAfter(position);
    return this.#gate.run(kind, tenant, ask);
  }

  /** What is applied is not yet in any question's sight: that it is committed, is. */
  async #committedAfter(position: string): Promise<void> {
    const endMs = performance.now() + COMMITTED_TIMEOUT_MS;
    const committed = () => this.#committed(position, endMs);
    await askedAfter(position, this.#partitions, COMMITTED_TIMEOUT_MS, committed, 'position');
  }

  async #committed(position: string, endMs: number): Promise<void> {
    const committed = (partition: number) => this.#port.committed(partition);
    if (await isCommittedBy(endMs, position, committed, COMMITTED_POLL_MS)) return;
    throw new AppError(
      'query_timeout',
      `the position was not committed within ${COMMITTED_TIMEOUT_MS} ms: ask without "position", or again later`,
    );
  }
}

function checkCount(name: string, received: number, max: number): void {
  if (received >= 1 && received <= max) return;
  throw new AppError('query_invalid', `"${name}" must be 1 to ${max}, received ${received}`);
}
