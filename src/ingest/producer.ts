/** Numbers the blocks of one edge, so that a partition recognises a block that was sent twice. */
import type { Clock } from '../model/clock.ts';

/** The header fields of a block that say where it comes from. */
export interface BlockOrigin {
  readonly partition: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
  readonly arrivalMs: number;
}

export interface ProducerOptions {
  /** Which edge of this server. */
  readonly id: number;
  /** Which life of it: greater at every start. */
  readonly epoch: number;
  readonly partitions: number;
  readonly clock: Clock;
}

export class Producer {
  readonly #options: ProducerOptions;
  readonly #sequences: Float64Array;
  #arrivalMs = 0;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#sequences = new Float64Array(options.partitions);
  }

  /**
   * The origin of the next block of `partition`. Blocks must reach the log in the order of these calls, and one that
   * the log refuses leaves a gap, which is allowed. Arrival times never go back, even if the wall clock does.
   */
  next(partition: number): BlockOrigin {
    const { id, epoch, clock } = this.#options;
    this.#arrivalMs = Math.max(this.#arrivalMs, clock.now());
    const sequence = (this.#sequences[partition] as number) + 1;
    this.#sequences[partition] = sequence;
    return {
      partition,
      producerId: id,
      producerEpoch: epoch,
      sequence,
      arrivalMs: this.#arrivalMs,
    };
  }
}
