/** A spooling writer over a real spool, in front of a log that is as the test wants it. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { AT } from '../../../src/model/block-format.ts';
import { systemClock } from '../../../src/model/clock.ts';
import { AppError } from '../../../src/model/errors.ts';
import type { Logger } from '../../../src/model/logger.ts';
import { type Offset, offset } from '../../../src/model/units.ts';
import { viewOf } from '../../../src/model/view-of.ts';
import type { LogWriter } from '../../../storage/log/log.ts';
import { createLogShared } from '../../../storage/log/log-shared.ts';
import { Spool } from '../../../storage/spool/spool.ts';
import { createSpoolShared, readSpool } from '../../../storage/spool/spool-shared.ts';
import {
  SpoolingWriter,
  type SpoolingWriterOptions,
} from '../../../storage/spool/spooling-writer.ts';
import { silentLogger } from '../../ingest/start-edge.ts';
import { PARTITIONS } from '../log/scratch.ts';

/** Short enough for tests, long enough that a busy machine makes nothing slow that is not. */
export const TIMES = { patienceMs: 200, calmMs: 50, retryMs: 2 };

/**
 * - `fine`: takes everything.
 * - `away`: refuses everything, and says so.
 * - `gone`: as `away`, for good.
 * - `slow`: takes everything, late.
 * - `doubtful`: takes some of an append or all or nothing, says that it failed, and may take the rest later.
 */
export type Mood = 'fine' | 'away' | 'gone' | 'slow' | 'doubtful';

export interface Landed {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
}

/** What outlives the lives of servers: the blocks of each partition. */
export class Topic {
  readonly partitions: Landed[][] = Array.from({ length: PARTITIONS }, () => []);
  mood: Mood = 'fine';
  slowMs = 300;
  random: () => number = Math.random;
  appends = 0;
  /** Whether two appends of one life were ever under way at once. */
  hasOverlapped = false;

  land(blocks: readonly Uint8Array[]): Offset[] {
    return blocks.map((bytes) => {
      const view = viewOf(bytes);
      const partition = this.partitions[view.getUint16(AT.partition, true)] as Landed[];
      const sequence = view.getFloat64(AT.sequence, true);
      const producerEpoch = view.getUint32(AT.producerEpoch, true);
      return offset(partition.push({ producerId: 0, producerEpoch, sequence }) - 1);
    });
  }

  /** Of partition 0. */
  get sequences(): number[] {
    return (this.partitions[0] as Landed[]).map(({ sequence }) => sequence);
  }
}

const AWAY = () => new AppError('log_away', 'the brokers are away');
const GONE = () => new AppError('log_gone', 'the topic was deleted');

export class TopicWriter implements LogWriter {
  readonly pendingBytes = 0;
  readonly #topic: Topic;
  #isCut = false;
  #isBusy = false;

  constructor(topic: Topic) {
    this.#topic = topic;
  }

  get refusal() {
    const { mood } = this.#topic;
    if (mood === 'gone') return 'log_gone';
    return mood === 'away' ? 'log_away' : undefined;
  }

  async append(blocks: readonly Uint8Array[]): Promise<readonly Offset[]> {
    const topic = this.#topic;
    topic.hasOverlapped ||= this.#isBusy;
    topic.appends += 1;
    this.#isBusy = true;
    try {
      if (topic.mood === 'away') throw AWAY();
      if (topic.mood === 'gone') throw GONE();
      if (topic.mood === 'slow') await sleep(topic.slowMs);
      else await sleep(topic.random() * 2);
      if (this.#isCut) throw new AppError('log_closed', 'this life is over');
      if (topic.mood !== 'doubtful') return topic.land(blocks);
      const taken = Math.round(topic.random() * blocks.length);
      topic.land(blocks.slice(0, taken));
      if (topic.random() < 0.3) setTimeout(() => topic.land(blocks.slice(taken)), 20);
      throw AWAY();
    } finally {
      this.#isBusy = false;
    }
  }

  /** The process is gone: what is under way lands no more. */
  cut(): void {
    this.#isCut = true;
  }

  async deleteBefore(): Promise<Offset> {
    return offset(0);
  }

  async close(): Promise<void> {
    this.cut();
  }
}

export interface Life {
  readonly writer: SpoolingWriter;
  readonly inner: TopicWriter;
  readonly view: () => ReturnType<typeof readSpool>;
  readonly lines: readonly string[];
  readonly failures: readonly unknown[];
}

export async function startLife(
  t: ExecutionContext,
  topic: Topic,
  dir: string,
  { bytesMax = 1 << 24, ...options }: Partial<SpoolingWriterOptions> & { bytesMax?: number } = {},
): Promise<Life> {
  const lines: string[] = [];
  const failures: unknown[] = [];
  const note = (_: object, line: string) => lines.push(line);
  const logger: Logger = { ...silentLogger, info: note, warn: note, error: note };
  const spool = await Spool.open({
    dir,
    partitions: PARTITIONS,
    bytesMax,
    diskReserveBytes: 0,
    logger,
  });
  const numbers = createSpoolShared();
  const inner = new TopicWriter(topic);
  const writer = await SpoolingWriter.start({
    spool,
    connect: async () => {
      if (topic.mood === 'away') throw AWAY();
      if (topic.mood === 'gone') throw GONE();
      return inner;
    },
    shared: createLogShared(PARTITIONS, 'kafka'),
    numbers,
    clock: systemClock,
    logger,
    onFailed: (error) => failures.push(error),
    times: TIMES,
    ...options,
  });
  t.teardown(() => writer.close());
  return { writer, inner, view: () => readSpool(numbers), lines, failures };
}

/** Until it holds; for what comes about by itself. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(2);
}
