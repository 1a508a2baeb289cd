/** Questions about single events, as they are allowed: within bounds, so many at a time. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ByteSource } from '../../model/byte-source.ts';
import { systemClock } from '../../model/clock.ts';
import { AppError } from '../../model/errors.ts';
import { decodePositions } from '../../model/positions.ts';
import { appliedAfter } from '../after.ts';
import type { PartitionClient } from '../ports.ts';
import type { ColdGate, ColdKind } from './cold-gate.ts';
import type {
  ColdPort,
  EventsQuestion,
  ExportQuestion,
  SeriesAnswer,
  SeriesQuestion,
  SqlAnswer,
  StoredEvent,
} from './cold-port.ts';
import { decodeEventKey, encodeEventKey } from './event-cursor.ts';
import { ExportGate } from './export-gate.ts';
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
  readonly #exportGate: ExportGate;

  constructor(port: ColdPort, partitions: PartitionClient, gate: ColdGate) {
    this.#port = port;
    this.#partitions = partitions;
    this.#gate = gate;
    this.#exportGate = new ExportGate(port.exports.concurrency);
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

  /** Whoever is answered reads to the end or closes: until then it has one of few places. */
  async export({ position, ...request }: ExportRequest): Promise<ByteSource> {
    const leave = this.#exportGate.enter(request.tenant);
    let isIn = true;
    const end = () => {
      if (isIn) leave();
      isIn = false;
    };
    try {
      if (position !== undefined) await this.#committedAfter(position);
      const endMs = systemClock.now() + this.#port.exports.timeoutMs;
      const source = await this.#port.export({ ...request, endMs });
      return {
        async next() {
          try {
            const piece = await source.next();
            if (piece === undefined) end();
            return piece;
          } catch (error) {
            end();
            throw error;
          }
        },
        close() {
          source.close();
          end();
        },
      };
    } catch (error) {
      end();
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
    await appliedAfter(position, this.#partitions, COMMITTED_TIMEOUT_MS, 'position');
    const offsets = [...(decodePositions(position) ?? [])];
    while (offsets.some(([partition, offset]) => this.#port.committed(partition) < offset)) {
      if (performance.now() > endMs) {
        throw new AppError(
          'query_timeout',
          `the position was not committed within ${COMMITTED_TIMEOUT_MS} ms: ask without "position", or again later`,
        );
      }
      await sleep(COMMITTED_POLL_MS);
    }
  }
}

function checkCount(name: string, received: number, max: number): void {
  if (received >= 1 && received <= max) return;
  throw new AppError('query_invalid', `"${name}" must be 1 to ${max}, received ${received}`);
}
