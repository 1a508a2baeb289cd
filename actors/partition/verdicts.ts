/** Which rows of blocks were dropped, until a commit has stored it. */
import { verdictKey } from '../../storage/state/keys.ts';
import { encodeVerdict } from '../../storage/state/rows.ts';
import type { StateOp } from '../../storage/state/state.ts';

export class Verdicts {
  readonly #partition: number;
  /** By block offset. */
  readonly #waiting = new Map<number, Uint8Array>();
  #waitingBytes = 0;

  constructor(partition: number) {
    this.#partition = partition;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Of the block at `offset` all rows are dropped, or those that are 0 in `keep`. */
  drop(offset: number, rows: number, keep?: Uint8Array): void {
    const verdict = encodeVerdict(keep, rows);
    this.#waiting.set(offset, verdict);
    this.#waitingBytes += verdict.length;
  }

  /** Undefined if it is stored, or no row was dropped. */
  at(offset: number): Uint8Array | undefined {
    return this.#waiting.get(offset);
  }

  changes(): StateOp[] {
    return Array.from(this.#waiting, ([offset, value]) => {
      return { key: verdictKey(this.#partition, offset), value };
    });
  }

  committed(): void {
    this.#waiting.clear();
    this.#waitingBytes = 0;
  }
}
