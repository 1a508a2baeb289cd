/**
 * Which block is to blame for the crashes of a partition. It outlives them: the actor's state does not. A block that
 * crashes the machine often enough is not applied as a whole again.
 */
import { AppError } from '../../src/model/errors.ts';

/** Crashes at one block before its rows are tried apart: fewer would isolate events for a passing fault. */
const CRASHES_MAX = 3;
/** Crashes from which on every block is committed by itself, so that a crash while committing has one culprit. */
const CRASHES_CAREFUL = 2;

export class Suspicion {
  #offset = -1;
  #crashesHere = 0;
  #crashes = 0;
  #until = -1;

  /**
   * A crash while the block at `offset` was applied, or committed as the newest one. Faults that may pass by
   * themselves, such as a full disk, accuse no block.
   */
  crashed(error: unknown, offset: number): void {
    if (error instanceof AppError && error.retryable) return;
    this.#crashesHere = offset === this.#offset ? this.#crashesHere + 1 : 1;
    this.#offset = offset;
    this.#crashes += 1;
    this.#until = Math.max(this.#until, offset);
  }

  /** True if a block at `offset` must be committed before the next one is applied. */
  isCareful(offset: number): boolean {
    return this.#crashes >= CRASHES_CAREFUL && offset <= this.#until;
  }

  isPoison(offset: number): boolean {
    return offset === this.#offset && this.#crashesHere >= CRASHES_MAX;
  }

  /** The block at `offset` is committed. */
  passed(offset: number): void {
    if (offset < this.#until) return;
    this.#offset = -1;
    this.#crashesHere = 0;
    this.#crashes = 0;
    this.#until = -1;
  }
}
