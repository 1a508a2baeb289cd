/** Appends in order of arrival, cut into rounds. Knows nothing of files; bounded by whoever pushes. */
import type { AppError } from '../../src/model/errors.ts';
import type { Offset } from '../../src/model/units.ts';

/** Blocks that are written and synced together. */
export interface Round {
  readonly blocks: readonly Uint8Array[];
  readonly bytes: number;
}

interface Append {
  readonly blocks: readonly Uint8Array[];
  readonly offsets: readonly Offset[];
  readonly resolve: (offsets: readonly Offset[]) => void;
  readonly reject: (reason: AppError) => void;
  /** How many of the blocks completed rounds have taken: an append larger than a round needs several. */
  durable: number;
}

export class AppendQueue {
  #appends: Append[] = [];
  #bytes = 0;

  /** Bytes that were pushed and not yet completed, those of the round on its way included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves with `offsets` when rounds have completed all of `blocks`. */
  push(
    blocks: readonly Uint8Array[],
    bytes: number,
    offsets: readonly Offset[],
  ): Promise<readonly Offset[]> {
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      this.#appends.push({ blocks, offsets, resolve, reject, durable: 0 });
    });
  }

  /** The oldest blocks that are not durable, `bytesMax` at most but at least one; undefined when there are none. */
  nextRound(bytesMax: number): Round | undefined {
    const blocks: Uint8Array[] = [];
    let bytes = 0;
    for (const append of this.#appends) {
      for (let i = append.durable; i < append.blocks.length; i += 1) {
        const block = append.blocks[i] as Uint8Array;
        if (blocks.length > 0 && bytes + block.length > bytesMax) return { blocks, bytes };
        blocks.push(block);
        bytes += block.length;
      }
    }
    return blocks.length === 0 ? undefined : { blocks, bytes };
  }

  /** The last `nextRound` is durable: resolves the appends that end with it. */
  complete(round: Round): void {
    this.#bytes -= round.bytes;
    let left = round.blocks.length;
    let whole = 0;
    while (left > 0) {
      const append = this.#appends[whole] as Append;
      const step = Math.min(left, append.blocks.length - append.durable);
      append.durable += step;
      left -= step;
      if (append.durable < append.blocks.length) break;
      append.resolve(append.offsets);
      whole += 1;
    }
    this.#appends.splice(0, whole);
  }

  /** Rejects everything; `reason` is told whether readers will see the append's first blocks. */
  rejectAll(reason: (partlyDurable: boolean) => AppError): void {
    const appends = this.#appends;
    this.#appends = [];
    this.#bytes = 0;
    for (const append of appends) append.reject(reason(append.durable > 0));
  }
}
