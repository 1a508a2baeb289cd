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
  /** Who asked for it: nobody else ends it. */
  #owner: object | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(links: PartitionLinks, partitions: number) {
    this.#links = links;
    this.#partitions = Array.from({ length: partitions }, (_, partition) => partition);
  }

  /** Where each partition stands; it has committed that. */
  async begin(owner: object): Promise<readonly HeldAt[]> {
    if (this.#owner !== undefined) {
      throw new AppError('query_overload', 'partitions are held already');
    }
    this.#owner = owner;
    try {
      const held = await Promise.all(
        this.#partitions.map((partition) => this.#links.ask('hold', { partition }, BEGIN_MS_MAX)),
      );
      if (this.#owner === owner) {
        this.#timer = setTimeout(() => void this.release(owner), HOLD_MS_MAX);
      }
      return held;
    } catch (error) {
      await this.release(owner);
      throw error;
    }
  }

  /** Answers whether partitions still stand. If so, time does not end it any more. */
  keep(owner: object): boolean {
    if (this.#owner !== owner) return false;
    clearTimeout(this.#timer);
    return true;
  }

  /** Partitions load what is stored and go on. */
  async release(owner: object): Promise<void> {
    if (this.#owner !== owner) return;
    clearTimeout(this.#timer);
    this.#owner = undefined;
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
