/**
 * Takes what was fetched of partitions to the log: each record through the decoder of all other events, and whatever the log
 * refuses again, until it is durable. What waits is bounded by who fetches, which asks for room first.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import {
  type AbortedTransaction,
  type ForeignBatch,
  ForeignRecord,
  foreignBatches,
} from '../../storage/kafka/foreign-records.ts';
import type { AppendLog } from '../ingest/append-log.ts';
import type { Coalescer, Destination } from '../ingest/coalescer.ts';
import { Contribution } from '../ingest/contribution.ts';
import type { Counters } from '../ingest/counters.ts';
import type { Fault } from '../ingest/decode/event-draft.ts';
import { Given } from '../ingest/decode/given.ts';
import { BODY_START, type BodyPlace } from '../ingest/decode/outcome.ts';
import { DOCUMENT_BYTES_MAX } from '../ingest/limits.ts';
import type { Clock } from '../model/clock.ts';
import type { AppError } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import { EPOCH_MS_MAX } from '../model/units.ts';
import { cloudEventOf } from './cloud-events.ts';
import { LOG_LOOK_MS, PENDING_BYTES_MAX, TURN_MS } from './limits.ts';
import { type Place, type RecordMapper, unmapped } from './mapping.ts';
import type { RecordMapping } from './options.ts';
import { linesByStream } from './stream-field.ts';

/** A part of a partition, as it was fetched. */
export interface Chunk {
  readonly topic: string;
  /** Short, and of this topic alone, also where another one had its name before. */
  readonly topicMark: string;
  readonly partition: number;
  /** Records before it are not wanted. */
  readonly from: number;
  readonly records: Buffer;
  readonly aborted: readonly AbortedTransaction[];
  /** Offsets of records on which the decoder has failed, filled by the feeder. */
  readonly poison: Set<number>;
}

/** What has been taken, once each. */
export class RecordCounts {
  records = 0;
  bytes = 0;
  /** Without a value, as compacted topics mark what is deleted. */
  empty = 0;
  /** Batches that could not be unpacked. */
  unreadable = 0;
  /** How often a part was decoded again because the log had refused it. */
  repeats = 0;
}

export interface FeederOptions {
  readonly mapping: RecordMapping;
  readonly mapper: RecordMapper;
  readonly coalescer: Coalescer;
  readonly log: AppendLog;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where dead letters go of which nothing is known. */
  readonly deadPlace: Place;
}

const NO_BYTES = Buffer.alloc(0);

export class Feeder {
  readonly counts = new RecordCounts();
  readonly #options: FeederOptions;
  readonly #record = new ForeignRecord();
  readonly #given: Given;
  readonly #pending = new Set<Promise<void>>();
  #pendingBytes = 0;
  #isAbandoned = false;
  #turnEndsAt = 0;
  /** Of the record that is decoded. */
  #chunk: Chunk | undefined;
  #counts = new RecordCounts();

  constructor(options: FeederOptions) {
    this.#options = options;
    this.#given = new Given(() => {
      const { topic, partition } = this.#chunk ?? { topic: '', partition: 0 };
      return `topic "${topic}", partition ${partition}, offset ${this.#record.offset}`;
    });
  }

  /** Whether more may be fetched: the log takes events, and not too much waits for it. */
  get hasRoom(): boolean {
    return this.#pendingBytes < PENDING_BYTES_MAX && this.#options.log.refusal === undefined;
  }

  /** Resolves when it is decoded. `durable` is called when all of it is in the log, unless it is abandoned before. */
  async add(chunk: Chunk, durable: (lastMs: number) => void): Promise<void> {
    this.#pendingBytes += chunk.records.length;
    const attempt = await this.#attempt(chunk, this.counts);
    const done = this.#persist(chunk, attempt)
      .then((isDurable) => {
        if (isDurable) durable(attempt.lastMs);
      })
      .finally(() => {
        this.#pendingBytes -= chunk.records.length;
        this.#pending.delete(done);
      });
    this.#pending.add(done);
  }

  /** Resolves when nothing waits any more, or, after that time, with what waits abandoned. Then it may be used again. */
  async drain(timeoutMs: number): Promise<void> {
    const timer = new AbortController();
    const late = sleep(timeoutMs, undefined, { signal: timer.signal })
      .then(() => {
        this.#isAbandoned = true;
      })
      .catch(() => {});
    const all = Promise.all([...this.#pending]);
    await Promise.race([all, late]);
    timer.abort();
    // Those that wait for the log look at it soon; appends are answered within their own bounds.
    await all;
    this.#isAbandoned = false;
  }

  /** False: abandoned. */
  async #persist(chunk: Chunk, first: Attempt): Promise<boolean> {
    for (let attempt = first; ; ) {
      const fault = await attempt.settled;
      if (fault === undefined) return true;
      this.counts.repeats += 1;
      this.#options.logger.debug(
        { code: fault.code, ...placeOf(chunk) },
        'the log refused records',
      );
      do {
        if (this.#isAbandoned) return false;
        await sleep(LOG_LOOK_MS);
      } while (this.#options.log.refusal !== undefined);
      attempt = await this.#attempt(chunk, new RecordCounts());
    }
  }

  /** Decodes all of it, giving others a turn in between. */
  async #attempt(chunk: Chunk, counts: RecordCounts): Promise<Attempt> {
    const settled = Promise.withResolvers<AppError | undefined>();
    const contribution = new Contribution(false, ({ fault }) => settled.resolve(fault));
    let lastMs = 0;
    for (const batch of foreignBatches(chunk.records, chunk.aborted)) {
      if (batch.nextOffset <= chunk.from) continue;
      if (performance.now() >= this.#turnEndsAt) await this.#nextTurn();
      this.#chunk = chunk;
      this.#counts = counts;
      this.#decodeBatch(batch, chunk, contribution);
      lastMs = this.#record.timestampMs;
    }
    contribution.end();
    return { settled: settled.promise, lastMs };
  }

  async #nextTurn(): Promise<void> {
    await nextTurn();
    this.#turnEndsAt = performance.now() + TURN_MS;
  }

  #decodeBatch(batch: ForeignBatch, { from }: Chunk, contribution: Contribution): void {
    const record = this.#record;
    const take = () => this.#take(record, contribution);
    const problem = batch.problem ?? batch.visit(from, record, take);
    if (problem === undefined) return;
    record.offset = batch.baseOffset;
    const detail = `${problem}; the offsets before ${batch.nextOffset} are passed over`;
    this.#options.logger.warn({ ...placeOf(this.#chunk), detail }, 'records cannot be read');
    this.#counts.unreadable += 1;
    const fault: Fault = { code: 'unreadable_record', detail };
    this.#refuse({ ...this.#options.deadPlace, fault }, batch.raw, contribution);
  }

  #take(record: ForeignRecord, contribution: Contribution): void {
    const { mapper, mapping, clock } = this.#options;
    const { value } = record;
    const counts = this.#counts;
    counts.records += 1;
    counts.bytes += value?.length ?? 0;
    const isEmpty = value === undefined || value.length === 0;
    if (isEmpty && mapping.format !== 'cloudevents') {
      counts.empty += 1;
      return;
    }
    const given = this.#given;
    const { topic = '', topicMark = '', partition = 0 } = this.#chunk ?? {};
    const place = mapper.map(record, topic, given);
    if (given.id.isEmpty) {
      given.id.setText(topicMark);
      given.id.append(partition);
      given.id.append(record.offset);
    }
    given.idIsSet();
    // What neither its producer nor its broker tells.
    if (!(given.tsMs >= 0 && given.tsMs <= EPOCH_MS_MAX)) given.tsMs = clock.now();
    if ('fault' in place) this.#refuse(place, value ?? NO_BYTES, contribution);
    else if (mapping.format === 'cloudevents') this.#takeCloudEvent(place, record, contribution);
    else if (typeof mapping.stream !== 'string' && 'field' in mapping.stream) {
      this.#takeLines(place, value ?? NO_BYTES, mapping.stream.field, contribution);
    } else this.#decode(place, value ?? NO_BYTES, contribution);
  }

  #takeCloudEvent(to: Destination, record: ForeignRecord, contribution: Contribution): void {
    const { value = NO_BYTES } = record;
    const event = cloudEventOf(record, record.value);
    if (!event.ok) {
      this.#refuse({ ...to, fault: event.error }, value, contribution);
      return;
    }
    const { body, id } = event.value;
    if (this.#options.mapping.id === undefined && id !== '') {
      this.#given.id.setText(id);
      this.#given.idIsSet();
    }
    this.#decode(to, body, contribution);
  }

  #takeLines({ tenant }: Place, value: Buffer, field: string, contribution: Contribution): void {
    const { mapper, deadPlace, mapping } = this.#options;
    for (const { line, stream, bytes } of linesByStream(value, field, mapping.format)) {
      const from = { ...BODY_START, line };
      if (stream.ok)
        this.#decode(mapper.destination(tenant, stream.value), bytes, contribution, from);
      else
        this.#refuse({ ...deadPlace, tenant, fault: unmapped(stream.error) }, bytes, contribution);
    }
  }

  #decode(
    to: Destination,
    value: Uint8Array,
    contribution: Contribution,
    from: BodyPlace = BODY_START,
  ): void {
    const unfit = this.#unfit(to, value);
    if (unfit !== undefined) {
      this.#refuse({ ...to, fault: unfit }, value, contribution);
      return;
    }
    const { coalescer, counters } = this.#options;
    for (let rest: BodyPlace | undefined = from; rest !== undefined; ) {
      const outcome = coalescer.add(to, value, contribution, rest, this.#given);
      if (this.#counts === this.counts) counters.decoded(outcome);
      rest = outcome.rest;
    }
    if (contribution.fault?.code === 'decode_failed') this.#chunk?.poison.add(this.#record.offset);
  }

  #unfit({ form }: Destination, { length }: Uint8Array): Fault | undefined {
    if (form !== 'ndjson' && length > DOCUMENT_BYTES_MAX) {
      const detail = `it has ${length} bytes, a record of JSON or MessagePack may have ${DOCUMENT_BYTES_MAX}`;
      return { code: 'line_too_long', detail };
    }
    if (this.#chunk?.poison.has(this.#record.offset) !== true) return undefined;
    return { code: 'unreadable_record', detail: 'a bug: the decoder failed on it' };
  }

  #refuse(
    { fault, ...place }: Place & { readonly fault: Fault },
    value: Uint8Array,
    contribution: Contribution,
  ): void {
    const { coalescer, counters } = this.#options;
    const outcome = coalescer.refuse(place, value, fault, contribution, this.#given);
    if (this.#counts === this.counts) counters.decoded(outcome);
  }
}

interface Attempt {
  /** What keeps some of it from being durable. */
  readonly settled: Promise<AppError | undefined>;
  /** The time of its last record. */
  readonly lastMs: number;
}

const placeOf = (chunk: Chunk | undefined) => ({
  topic: chunk?.topic,
  partition: chunk?.partition,
  from: chunk?.from,
});
