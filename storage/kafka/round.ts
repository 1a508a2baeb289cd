/** Appends in order of arrival, cut into rounds of one batch a partition. Knows nothing of brokers; bounded by whoever pushes. */

import { AT, BLOCK_KIND } from '../../src/model/block-format.ts';
import type { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';
import { KAFKA_BATCH_BYTES, KAFKA_ROUND_BYTES_MAX } from '../limits.ts';
import { RECORD_OVERHEAD_BYTES } from './record-batch.ts';

interface Append {
  readonly blocks: readonly Uint8Array[];
  readonly offsets: Offset[];
  readonly resolve: (offsets: readonly Offset[]) => void;
  readonly reject: (reason: AppError) => void;
  /** How many of the blocks rounds have taken. */
  taken: number;
  /** How many are not acknowledged. */
  left: number;
}

/** Blocks of one partition that are sent together. */
export class Batch {
  readonly partition: number;
  readonly blocks: Uint8Array[] = [];
  /** Of the blocks alone, without what their records take. */
  blockBytes = 0;
  hasEvents = false;
  readonly #places: { readonly append: Append; readonly index: number }[] = [];

  constructor(partition: number) {
    this.partition = partition;
  }

  hasRoomFor(block: Uint8Array): boolean {
    const records = this.blocks.length + 1;
    const bytes = this.blockBytes + block.length + records * RECORD_OVERHEAD_BYTES;
    return records === 1 || bytes <= KAFKA_BATCH_BYTES;
  }

  add(block: Uint8Array, append: Append): void {
    this.#places.push({ append, index: append.taken });
    this.blocks.push(block);
    this.blockBytes += block.length;
    this.hasEvents ||= viewOf(block).getUint8(AT.kind) === BLOCK_KIND.events;
    append.taken += 1;
  }

  /** All of it is durable, from `first` on: resolves the appends of which nothing else is missing. */
  complete(first: number): void {
    for (const [i, { append, index }] of this.#places.entries()) {
      append.offsets[index] = offset(first + i);
      append.left -= 1;
      if (append.left === 0) append.resolve(append.offsets);
    }
  }
}

export class Appends {
  #waiting: Append[] = [];
  /** Those of which the last round has taken something. */
  #underWay = new Set<Append>();

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  push(blocks: readonly Uint8Array[]): Promise<readonly Offset[]> {
    return new Promise((resolve, reject) => {
      const { length } = blocks;
      this.#waiting.push({ blocks, offsets: [], resolve, reject, taken: 0, left: length });
    });
  }

  /** The oldest blocks that no round has taken, in their order, as many as one request takes but at least one. */
  nextRound(): Batch[] {
    const batches = new Map<number, Batch>();
    this.#underWay = new Set();
    let room = KAFKA_ROUND_BYTES_MAX;
    let whole = 0;
    for (const append of this.#waiting) {
      while (append.taken < append.blocks.length) {
        const block = append.blocks[append.taken] as Uint8Array;
        const partition = partitionOf(block);
        const batch = batches.get(partition) ?? new Batch(partition);
        if ((batches.size > 0 && block.length > room) || !batch.hasRoomFor(block)) {
          this.#waiting.splice(0, whole);
          return [...batches.values()];
        }
        batches.set(partition, batch);
        batch.add(block, append);
        this.#underWay.add(append);
        room -= block.length;
      }
      whole += 1;
    }
    this.#waiting = [];
    return [...batches.values()];
  }

  /** All that waits or is under way, apart from what has been acknowledged as a whole. */
  rejectAll(reason: AppError): void {
    for (const append of new Set([...this.#underWay, ...this.#waiting])) {
      if (append.left > 0) append.reject(reason);
    }
    this.#underWay = new Set();
    this.#waiting = [];
  }
}

export const partitionOf = (block: Uint8Array): number =>
  viewOf(block).getUint16(AT.partition, true);
