/**
 * The log of a schedule: one sequence for all partitions, in which appends fail as they do. A refused one leaves nothing, one whose
 * answer is lost all of its blocks, and a process that dies under one the first few of them.
 */
import type { AppendLog } from '../../src/ingest/append-log.ts';
import { Block } from '../../src/model/block.ts';
import { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { LoggedBlock } from '../../storage/log/log.ts';
import type { Random } from './random.ts';

/** Chance of each, of every append. */
export interface AppendFaults {
  readonly refused: number;
  readonly answerLost: number;
  readonly died: number;
}

const NO_FAULTS: AppendFaults = { refused: 0, answerLost: 0, died: 0 };
/** Of the newest blocks of a partition one comes again. */
const COPIED_FROM = 8;

export class ScheduleLog implements AppendLog {
  readonly refusal = undefined;
  faults = NO_FAULTS;
  /** The process ended in an append, and has not been started again. */
  hasDied = false;
  readonly #random: Random;
  readonly #blocks: readonly LoggedBlock[][];
  readonly #onLogged: (block: Block, isCopy: boolean) => void;
  #end = 0;

  /** `onLogged` hears of each block as it comes into the log. */
  constructor(
    partitions: number,
    random: Random,
    onLogged: (block: Block, isCopy: boolean) => void,
  ) {
    this.#blocks = Array.from({ length: partitions }, () => []);
    this.#random = random;
    this.#onLogged = onLogged;
  }

  /** In order. */
  of(partition: number): readonly LoggedBlock[] {
    return this.#blocks[partition] ?? [];
  }

  /** Behind the last block of the partition. */
  endOf(partition: number): number {
    return this.of(partition).at(-1)?.nextOffset ?? 0;
  }

  async append(blocks: readonly Uint8Array[]): Promise<readonly Offset[]> {
    const { refused, answerLost, died } = this.faults;
    const fate = this.#random.next();
    if (fate < refused) throw new AppError('log_io', 'the disk is full');
    if (fate < refused + died) {
      this.hasDied = true;
      const whole = this.#random.int(0, blocks.length);
      for (const bytes of blocks.slice(0, whole)) this.#add(bytes, false);
      throw new AppError('log_io', 'the process ended in an append');
    }
    const offsets = blocks.map((bytes) => this.#add(bytes, false));
    if (fate < refused + died + answerLost) throw new AppError('log_io', 'nobody knows');
    return offsets;
  }

  /** One of the newest blocks of some partition once more, byte by byte, as a spool may bring it. */
  copyOne(): void {
    const recent = this.#random.pick(this.#blocks).slice(-COPIED_FROM);
    if (recent.length > 0) this.#add(this.#random.pick(recent).bytes, true);
  }

  #add(bytes: Uint8Array, isCopy: boolean): Offset {
    const block = new Block(bytes);
    const { partition } = block;
    const at = offset(this.#end);
    this.#end += bytes.length;
    const nextOffset = offset(this.#end);
    this.#blocks[partition]?.push({ partition, offset: at, nextOffset, bytes });
    this.#onLogged(block, isCopy);
    return at;
  }
}
