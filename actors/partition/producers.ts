/** Recognises a block that was sent again whole, by who sealed it, in which life, as its how-manieth. */
import type { Block } from '../../src/model/block.ts';

/** A producer as a commit stores it. */
export interface ProducerMark {
  readonly id: number;
  readonly epoch: number;
  readonly sequence: number;
}

/** One per edge and life of the server. The one heard from least recently is forgotten first: its resends are long over. */
const PRODUCERS_MAX = 256;

export class Producers {
  /** Least recently heard from first. */
  readonly #marks = new Map<number, ProducerMark>();

  constructor(marks: readonly ProducerMark[] = []) {
    for (const mark of marks) this.#marks.set(mark.id, mark);
  }

  marks(): ProducerMark[] {
    return [...this.#marks.values()];
  }

  /**
   * True for a block that was there before. A producer numbers its blocks upwards within a life, so one that is not
   * above the last is a copy. A block of an earlier life than the newest is no copy of anything known; its events'
   * ids still tell.
   */
  isResent({ producerId: id, producerEpoch: epoch, sequence }: Block): boolean {
    const last = this.#marks.get(id);
    if (last?.epoch === epoch && sequence <= last.sequence) return true;
    if (last !== undefined && last.epoch > epoch) return false;
    this.#marks.delete(id);
    this.#marks.set(id, { id, epoch, sequence });
    if (this.#marks.size > PRODUCERS_MAX) {
      const [oldest] = this.#marks.keys();
      if (oldest !== undefined) this.#marks.delete(oldest);
    }
    return false;
  }
}
