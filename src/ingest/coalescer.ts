/**
 * Gathers the rows of all requests until the log is free, then packs them into one block per partition: the busier
 * the server, the larger the blocks. While one round syncs the next one fills; with nothing under way a round starts
 * at the end of the event loop's turn. Under load a round also lingers a little, because a small block costs its
 * readers nearly as much as a large one, but not when all who sent the last rows have sent again.
 */

import type { Appended } from '../model/appended.ts';
import { BLOCK_BYTES_MAX, BLOCK_KIND } from '../model/block-format.ts';
import { packBlock } from '../model/block-writer.ts';
import type { Clock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import { type EventTimeRule, ruleFor } from '../model/event-time.ts';
import type { Logger } from '../model/logger.ts';
import { type Offset, offset } from '../model/units.ts';
import type { VisitFields } from '../model/visit.ts';
import type { AppendLog } from './append-log.ts';
import { type Contribution, DurableBatch, type DurableBlock } from './contribution.ts';
import type { Counters } from './counters.ts';
import { DeadLetters } from './dead-letters.ts';
import { type BodyForm, StreamDecoder } from './decode/decoder.ts';
import type { Fault, FieldNames } from './decode/event-draft.ts';
import { EventTimes } from './decode/event-times.ts';
import type { Given } from './decode/given.ts';
import type { DecodeLimits } from './decode/limits.ts';
import { BODY_START, type BodyPlace, DecodeOutcome } from './decode/outcome.ts';
import { fillVisit } from './decode/visit-fill.ts';
import {
  BLOCK_ROWS_WANTED,
  LINGER_LOOK_MS,
  LINGER_MS,
  LINGER_ROWS_MIN,
  OPEN_BATCHES_MAX,
} from './limits.ts';
import { type PartitionRows, placeRows } from './placement.ts';
import type { Producer } from './producer.ts';

export interface CoalescerOptions {
  readonly log: AppendLog;
  readonly clock: Clock;
  readonly producer: Producer;
  readonly partitions: number;
  readonly decodeLimits: DecodeLimits;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly lingerLookMs?: number;
  /** Where a block ends that is there and has so many bytes. Default: an offset of the log is a byte. */
  readonly offsetBehind?: OffsetBehind | undefined;
  /** What is done with events whose time lies far from now; the first that fits a stream. */
  readonly eventTime?: readonly EventTimeRule[] | undefined;
  /** How the fields of events are called here, if not as they call them. */
  readonly renamed?: FieldNames;
}

export type OffsetBehind = (block: Offset, bytes: number) => Offset;

export const bytesBehind: OffsetBehind = (block, bytes) => offset(block + bytes);

/** A request's rows `[from, to)` in an open batch; `to` is set when it has added them. */
interface Part {
  readonly contribution: Contribution;
  readonly from: number;
  to: number;
}

/** Whose stream a body goes to, and how to read it. */
export interface Destination {
  readonly tenant: string;
  readonly stream: string;
  readonly form: BodyForm;
  /** By how much the sender's clock is behind; negative: ahead. */
  readonly clockOffsetMs?: number;
  /** False: what is refused is told only, for it is kept already. */
  readonly keepsRefused?: boolean;
  /** What its events get of the visit that they are of. */
  readonly visit?: VisitFields;
}

/** The open rows of one stream of one tenant, and whose they are. */
class OpenBatch {
  readonly tenant: string;
  readonly stream: string;
  readonly decoder: StreamDecoder;
  readonly deadLetters = new DeadLetters();
  readonly #timeRule: EventTimeRule | undefined;
  /** In row order. */
  parts: Part[] = [];
  /** Set while a request adds rows: a batch that fills up is sealed under it. */
  adding: Part | undefined;
  /** Of the body that is decoded. */
  visit: VisitFields | undefined;

  constructor(
    tenant: string,
    stream: string,
    { decodeLimits, renamed, eventTime }: CoalescerOptions,
    onFull: (batch: OpenBatch) => void,
  ) {
    this.tenant = tenant;
    this.stream = stream;
    this.#timeRule = ruleFor(eventTime, tenant, stream);
    this.decoder = new StreamDecoder(decodeLimits, () => onFull(this), renamed);
  }

  get rows(): number {
    return this.decoder.batch.rows;
  }

  /** Before a body is decoded. */
  judgeTimes(clock: Clock, clockOffsetMs: number): void {
    const rule = this.#timeRule ?? NO_TIME_RULE;
    const isPlain = rule === NO_TIME_RULE && clockOffsetMs === 0;
    this.decoder.times = isPlain ? undefined : new EventTimes(rule, clock.now(), clockOffsetMs);
  }

  /** After it, or when the batch is sealed under it. */
  settle(counters: Counters): void {
    const { adding, decoder, visit } = this;
    if (adding === undefined) return;
    if (visit !== undefined) fillVisit(decoder.batch, adding.from, visit);
    if (decoder.times === undefined) return;
    const clamped = decoder.batch.settleTimes(adding.from, decoder.times);
    counters.eventsTimeClamped += clamped;
    if (decoder.times.offsetMs !== 0) counters.eventsTimeCorrected += this.rows - adding.from;
  }

  get isEmpty(): boolean {
    return this.rows === 0 && this.deadLetters.rejected === 0;
  }
}

/** A sealed batch on its way into the log. */
interface Sealed {
  readonly parts: readonly Part[];
  readonly rows: readonly PartitionRows[];
  readonly blocks: readonly Uint8Array<ArrayBuffer>[];
  /** Partition of each block, dead letters included. */
  readonly partitions: readonly number[];
}

export class Coalescer {
  readonly #options: CoalescerOptions;
  /** `tenant\0stream` -> batch, the longest unused first. */
  readonly #open = new Map<string, OpenBatch>();
  /** The batch that was used last. */
  #newest: OpenBatch | undefined;
  #appending = 0;
  #scheduled = false;
  #rotation = 0;
  /** Of the last round: when it began, and how many rows it took. */
  #roundAtMs = 0;
  #roundRows = 0;
  /** Its rows and those that were open when it was durable: senders that wait for each answer bring no more before the next. */
  #rowsCirculating = 0;
  #linger: NodeJS.Timeout | undefined;
  #rowsAtLook = 0;
  #idle: (() => void)[] = [];

  constructor(options: CoalescerOptions) {
    this.#options = options;
  }

  /**
   * Decodes the piece of `body` that starts at `from` into the stream's open batch; the outcome says where the next
   * one does. The contribution hears of each once it is durable; the caller ends it after the last call. For `given`
   * see `StreamDecoder.decode`.
   */
  add(
    { tenant, stream, form, clockOffsetMs = 0, keepsRefused = true, visit }: Destination,
    body: Uint8Array,
    contribution: Contribution,
    from = BODY_START,
    given?: Given,
  ): DecodeOutcome {
    const batch = this.#batchOf(tenant, stream);
    batch.adding = { contribution, from: batch.rows, to: 0 };
    batch.judgeTimes(this.#options.clock, clockOffsetMs);
    batch.visit = visit;
    const outcome = this.#decode(batch, form, body, from, given);
    if (outcome === undefined) return new DecodeOutcome();
    const { adding } = batch;
    if (batch.rows > adding.from) outcome.sampleMs = batch.decoder.batch.timeOf(adding.from);
    batch.settle(this.#options.counters);
    batch.adding = undefined;
    if (keepsRefused) batch.deadLetters.add(outcome, given?.place);
    if (batch.rows > adding.from || (keepsRefused && outcome.rejected > 0)) {
      join(batch, adding);
      this.#schedule();
    }
    return outcome;
  }

  /** Keeps a body that nothing can be decoded of as a dead letter of the stream; else as `add`. */
  refuse(
    { tenant, stream }: Omit<Destination, 'form'>,
    body: Uint8Array,
    fault: Fault,
    contribution: Contribution,
    given: Given,
  ): DecodeOutcome {
    const batch = this.#batchOf(tenant, stream);
    const outcome = new DecodeOutcome();
    outcome.reject(fault, 0, body, 0, body.length, this.#options.decodeLimits);
    batch.deadLetters.add(outcome, given.place);
    join(batch, { contribution, from: batch.rows, to: batch.rows });
    this.#schedule();
    return outcome;
  }

  /**
   * Bad input never throws, so a throw is a bug, and what the batch holds is not to be trusted. It is given up with its
   * requests, none of which is acknowledged; one poisonous body must not stop the server for everybody.
   */
  #decode(
    batch: OpenBatch,
    form: BodyForm,
    body: Uint8Array,
    from: BodyPlace,
    given: Given | undefined,
  ): DecodeOutcome | undefined {
    try {
      const arrivalMs = given?.tsMs ?? this.#options.clock.now();
      const sentMs = batch.decoder.times?.sentMs(arrivalMs) ?? arrivalMs;
      return batch.decoder.decode(form, body, sentMs, from, given);
    } catch (error) {
      const { tenant, stream, parts, adding } = batch;
      this.#options.logger.error({ err: error, tenant, stream, form }, 'the decoder failed');
      const fault = new AppError('decode_failed', 'the decoder failed on this body', {}, error);
      this.#open.delete(keyOf(tenant, stream));
      this.#newest = undefined;
      fail(parts, fault);
      this.#tellIdle();
      adding?.contribution.spoil(fault);
      return undefined;
    }
  }

  /** Resolves when nothing is open or on its way. New requests must have been shut out before. */
  async drained(): Promise<void> {
    while (this.#appending > 0 || this.#hasOpenRows()) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  #batchOf(tenant: string, stream: string): OpenBatch {
    const newest = this.#newest;
    if (newest?.tenant === tenant && newest.stream === stream) return newest;
    const key = keyOf(tenant, stream);
    let batch = this.#open.get(key);
    if (batch === undefined) {
      if (this.#open.size >= OPEN_BATCHES_MAX) this.#evict();
      const seal = (full: OpenBatch) => this.#append([full]);
      batch = new OpenBatch(tenant, stream, this.#options, seal);
    } else {
      this.#open.delete(key);
    }
    this.#open.set(key, batch);
    this.#newest = batch;
    return batch;
  }

  /** Seals the longest unused batch if it holds rows, and forgets it with its dictionaries. */
  #evict(): void {
    const [key, batch] = this.#open.entries().next().value as [string, OpenBatch];
    if (!batch.isEmpty) this.#append([batch]);
    this.#open.delete(key);
  }

  #schedule(): void {
    if (this.#scheduled || this.#appending > 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#appending === 0) this.#nextRound();
    });
  }

  /** At once, unless the last round shows that more rows are about to come, and they are wanted. */
  #nextRound(): void {
    const wanted = Math.min(BLOCK_ROWS_WANTED * this.#options.partitions, this.#rowsCirculating);
    const lingeredMs = this.#options.clock.now() - this.#roundAtMs;
    // Negative after the clock was set back.
    const isOver = lingeredMs >= LINGER_MS || lingeredMs < 0;
    if (isOver || this.#roundRows < LINGER_ROWS_MIN || this.#openRows() >= wanted) {
      this.#appendAll();
    } else if (this.#linger === undefined && this.#hasOpenRows()) {
      this.#rowsAtLook = this.#openRows();
      const { lingerLookMs = LINGER_LOOK_MS } = this.#options;
      this.#linger = setTimeout(() => {
        this.#linger = undefined;
        // Timers come before sockets: what lies in those has come, too.
        setImmediate(() => this.#lookAgain());
      }, lingerLookMs);
    }
  }

  /** If nothing came meanwhile, all who would send wait for us already. */
  #lookAgain(): void {
    if (this.#appending > 0) return;
    if (this.#openRows() === this.#rowsAtLook) this.#appendAll();
    else this.#nextRound();
  }

  #openRows(): number {
    let rows = 0;
    for (const batch of this.#open.values()) rows += batch.rows;
    return rows;
  }

  #hasOpenRows(): boolean {
    for (const batch of this.#open.values()) if (!batch.isEmpty) return true;
    return false;
  }

  #appendAll(): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    const filled: OpenBatch[] = [];
    for (const batch of this.#open.values()) if (!batch.isEmpty) filled.push(batch);
    if (filled.length > 0) this.#append(filled);
  }

  #append(batches: readonly OpenBatch[]): void {
    const { log, clock, counters, offsetBehind = bytesBehind } = this.#options;
    this.#roundAtMs = clock.now();
    this.#roundRows = batches.reduce((rows, batch) => rows + batch.rows, 0);
    const sealed = batches.map((batch) => this.#seal(batch)).filter((one) => this.#isFit(one));
    if (sealed.length === 0) {
      this.#tellIdle();
      return;
    }
    const blocks = sealed.flatMap((one) => one.blocks);
    for (const block of blocks) counters.blockBytes += block.length;
    counters.blocks += blocks.length;
    // The log owns the blocks from here on, and may have moved them away: lengths are taken now.
    const lengths = blocks.map((block) => block.length);
    const started = clock.now();
    this.#appending += 1;
    log.append(blocks).then(
      (appended) => {
        counters.appended(clock.now() - started);
        this.#freed();
        settle(sealed, appended, lengths, offsetBehind);
      },
      (error: unknown) => {
        counters.appendsFailed += 1;
        this.#freed();
        const fault = faultOf(error);
        for (const { parts } of sealed) fail(parts, fault);
      },
    );
  }

  /** The bounds of batches keep blocks small enough. If one has a hole, its requests fail and not the server. */
  #isFit({ blocks, parts }: Sealed): boolean {
    const bytes = Math.max(...blocks.map((block) => block.length));
    if (bytes <= BLOCK_BYTES_MAX) return true;
    const message = `expected blocks of at most ${BLOCK_BYTES_MAX} bytes, packed one of ${bytes}`;
    const fault = new AppError('block_too_large', message);
    this.#options.logger.error({ err: fault }, 'a batch does not fit into a block');
    fail(parts, fault);
    return false;
  }

  /** The next round starts before the answers of this one are written, so that the disk is not idle meanwhile. */
  #freed(): void {
    this.#appending -= 1;
    this.#rowsCirculating = this.#roundRows + this.#openRows();
    if (this.#appending === 0) this.#nextRound();
    this.#tellIdle();
  }

  /** A round may linger with nothing left to wait for, because a batch that filled up went before it. */
  #tellIdle(): void {
    if (this.#appending > 0 || this.#hasOpenRows()) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  /** Packs the batch into blocks and empties it for the next round. */
  #seal(batch: OpenBatch): Sealed {
    batch.settle(this.#options.counters);
    const { adding, deadLetters } = batch;
    const columns = batch.decoder.batch;
    if (adding !== undefined) {
      if (columns.rows > adding.from) join(batch, adding);
      batch.adding = { contribution: adding.contribution, from: 0, to: 0 };
    }
    const keyless = this.#rotation++ % this.#options.partitions;
    const rows = placeRows(columns.partitionHash, columns.rows, this.#options.partitions, keyless);
    const blocks = this.#packRows(batch, rows);
    const partitions = rows.map((one) => one.partition);
    if (deadLetters.rejected > 0) {
      blocks.push(this.#packDeadLetters(batch, keyless));
      partitions.push(keyless);
    }
    const { parts } = batch;
    batch.parts = [];
    columns.reset();
    deadLetters.reset();
    return { parts, rows, blocks, partitions };
  }

  #packRows(batch: OpenBatch, rows: readonly PartitionRows[]): Uint8Array<ArrayBuffer>[] {
    const { tenant, stream } = batch;
    const columns = batch.decoder.batch.columns();
    const { producer } = this.#options;
    return rows.map((selection) => {
      const origin = producer.next(selection.partition);
      const counts = { received: selection.count, rejected: 0 };
      const header = { ...origin, ...counts, kind: BLOCK_KIND.events, tenant, stream };
      return packBlock(header, columns, selection);
    });
  }

  #packDeadLetters(batch: OpenBatch, partition: number): Uint8Array<ArrayBuffer> {
    const { tenant, stream, deadLetters } = batch;
    const { rejected, rows } = deadLetters;
    const origin = this.#options.producer.next(partition);
    return packBlock(
      { ...origin, kind: BLOCK_KIND.deadLetters, tenant, stream, received: rejected, rejected },
      deadLetters.columns(),
      { count: rows, index: undefined },
    );
  }
}

const NO_TIME_RULE: EventTimeRule = {};

const keyOf = (tenant: string, stream: string): string => `${tenant}\0${stream}`;

/** The rows since `adding.from` are a piece of its request. Many small bodies in a row of one contribution are one piece. */
function join(batch: OpenBatch, part: Part): void {
  part.to = batch.rows;
  const last = batch.parts.at(-1);
  if (last?.contribution === part.contribution && last.to === part.from) {
    last.to = part.to;
    return;
  }
  batch.parts.push(part);
  part.contribution.sealed();
}

function settle(
  sealed: readonly Sealed[],
  appended: Appended,
  lengths: readonly number[],
  offsetBehind: OffsetBehind,
): void {
  let at = 0;
  for (const { parts, rows, partitions } of sealed) {
    if (appended === 'spooled') {
      for (const { contribution } of parts) contribution.spooled();
      continue;
    }
    const positions = new Map<number, Offset>();
    const blocks: DurableBlock[] = [];
    for (let i = 0; i < partitions.length; i++, at++) {
      const start = appended[at] as Offset;
      const nextOffset = offsetBehind(start, lengths[at] as number);
      positions.set(partitions[i] as number, nextOffset);
      const placed = rows[i];
      if (placed !== undefined) blocks.push({ offset: start, nextOffset, rows: placed });
    }
    const batch = new DurableBatch(blocks, positions);
    for (const { contribution, from, to } of parts) contribution.durable(batch, from, to);
  }
}

function fail(parts: readonly Part[], fault: AppError): void {
  for (const { contribution } of parts) contribution.failed(fault);
}

const faultOf = (error: unknown): AppError =>
  error instanceof AppError
    ? error
    : new AppError('log_io', 'the log failed without saying why', {}, error);
