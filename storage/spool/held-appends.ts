/** Appends that wait for the log, in order. Bounded by whoever pushes. */
import type { Appended } from '../../src/model/appended.ts';
import type { AppError } from '../../src/model/errors.ts';
import type { Offset } from '../../src/model/units.ts';

export interface HeldAppend {
  readonly blocks: readonly Uint8Array[];
  readonly bytes: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (reason: unknown) => void;
}

/** Appends that go to the log as one. */
export type HeldRound = readonly HeldAppend[];

export class HeldAppends {
  #waiting: HeldAppend[] = [];
  #bytes = 0;

  /** Of what waits and of rounds that were taken and have not left. */
  get bytes(): number {
    return this.#bytes;
  }

  push(blocks: readonly Uint8Array[], bytes: number): Promise<Appended> {
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ blocks, bytes, resolve, reject });
    });
  }

  /** Takes the oldest, `bytesMax` at most but at least one; none if none waits. */
  nextRound(bytesMax: number): HeldRound {
    let count = 0;
    let bytes = 0;
    for (const held of this.#waiting) {
      bytes += held.bytes;
      if (count > 0 && bytes > bytesMax) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** A round that was taken is somebody else's from now on. */
  leave(round: HeldRound): void {
    for (const { bytes } of round) this.#bytes -= bytes;
  }

  /** The log has the round: `offsets` are those of its blocks. */
  complete(round: HeldRound, offsets: readonly Offset[]): void {
    this.leave(round);
    let at = 0;
    for (const { blocks, resolve } of round) {
      resolve(offsets.slice(at, at + blocks.length));
      at += blocks.length;
    }
  }

  fail(round: HeldRound, fault: AppError): void {
    this.leave(round);
    for (const { reject } of round) reject(fault);
  }
}
