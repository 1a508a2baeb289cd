/** Recognises a block that was sent again whole, by who sealed it, in which life, as its how-manieth. */
import type { Block } from '../../src/model/block.ts';

/** One life of a producer as a commit stores it. */
export interface ProducerMark {
  readonly id: number;
  readonly epoch: number;
  readonly sequence: number;
}

/**
 * One per edge and life of the server. The one heard from least recently is forgotten first: its resends are long over. A spool
 * sends again what one produce request has held, which is from fewer lives (`SPOOL_RUN_LIVES_MAX`).
 */
const LIVES_MAX = 64;

export class Producers {
  /** Least recently heard from first. */
  readonly #lives = new Map<number, ProducerMark>();

  constructor(marks: readonly ProducerMark[] = []) {
    for (const mark of marks) this.#lives.set(lifeOf(mark.id, mark.epoch), mark);
  }

  marks(): ProducerMark[] {
    return [...this.#lives.values()];
  }

  /**
   * True for a block that was there before. A producer numbers its blocks upwards within a life, so one that is not
   * above the last of its life is a copy, whatever was heard of later lives: what a spool had kept of several may come twice.
   */
  isResent({
    producerId: id,
    producerEpoch: epoch,
    sequence,
  }: Pick<Block, 'producerId' | 'producerEpoch' | 'sequence'>): boolean {
    const life = lifeOf(id, epoch);
    const last = this.#lives.get(life);
    const isResent = last !== undefined && sequence <= last.sequence;
    this.#lives.delete(life);
    this.#lives.set(life, isResent ? last : { id, epoch, sequence });
    if (this.#lives.size > LIVES_MAX) {
      const [oldest] = this.#lives.keys();
      if (oldest !== undefined) this.#lives.delete(oldest);
    }
    return isResent;
  }
}

/** Exact: epochs are below 2^32, and ids count threads. */
const lifeOf = (id: number, epoch: number): number => id * 2 ** 32 + epoch;
