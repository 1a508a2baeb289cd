/**
 * Lets all partitions stand still for somebody who changes what they have stored. There is one at a time, and it ends: when it is
 * released, when its time is over, or with the thread that asked for it.
 */
import type { HeldAt } from '../../actors/partition/protocol.ts';
import { AppError } from '../model/errors.ts';
import type { PartitionLinks } from './partition-links.ts';

/** Events wait in the log meanwhile, and questions to partitions with them: these are given up after 10 s. */
const HOLD_MS_MAX = 8_000;
/** A partition has work before it that comes first. */
const BEGIN_MS_MAX = 8_000;
/** The thread answers by itself, whatever its partitions do. */
const RELEASE_MS_MAX = 10_000;

export class PartitionHold {
  readonly #links: PartitionLinks;
  readonly #partitions: readonly number[];
  #state: 'none' | 'held' | 'kept' = 'none';
  #timer: NodeJS.Timeout | undefined;

  constructor(links: PartitionLinks, partitions: number) {
    this.#links = links;
    this.#partitions = Array.from({ length: partitions }, (_, partition) => partition);
  }

  /** Where each partition stands; it has committed that. */
  async begin(): Promise<readonly HeldAt[]> {
    if (this.#state !== 'none') throw new AppError('query_overload', 'partitions are held already');
    this.#state = 'held';
    try {
      const held = await Promise.all(
        this.#partitions.map((partition) => this.#links.ask('hold', { partition }, BEGIN_MS_MAX)),
      );
      this.#timer = setTimeout(() => void this.release(), HOLD_MS_MAX);
      return held;
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  /** Answers whether partitions still stand. If so, time does not end it any more. */
  keep(): boolean {
    clearTimeout(this.#timer);
    if (this.#state === 'none') return false;
    this.#state = 'kept';
    return true;
  }

  /** Partitions load what is stored and go on. */
  async release(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#state === 'none') return;
    this.#state = 'none';
    await Promise.all(
      this.#partitions.map((partition) =>
        this.#links.ask('release', { partition }, RELEASE_MS_MAX).catch(undefinedIfGone),
      ),
    );
  }
}

/** A thread that has ended holds nothing. */
function undefinedIfGone(error: unknown): void {
  if (!(error instanceof AppError)) throw error;
}
