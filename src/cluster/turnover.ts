/**
 * Brings the partitions that this node has in line with those that it was given: what is lost is given up at once, what is new is
 * taken when there is room. Each partition goes its own way, so that one that cannot be taken holds up no other.
 */
import { AppError } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import { partitionElsewhere } from '../threads/partition-links.ts';

export interface TurnoverOptions {
  /** Resolves when what is applied is committed and nothing of this node writes to the partition's rows. */
  readonly give: (partition: number) => Promise<void>;
  /**
   * Resolves when it is worked on. Rejects with an `AppError` where it cannot be had: it is tried again. `say` is told what is being
   * done, for who looks. `signal` is aborted, with an `AppError`, when the partition is not wanted any more.
   */
  readonly take: (
    partition: number,
    say: (doing: string) => void,
    signal: AbortSignal,
  ) => Promise<void>;
  /** Told after each change of `here` or of `problems`. */
  readonly changed: () => void;
  /** Ends early when `signal` is aborted; never rejects. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly logger: Logger;
}

/**
 * Partitions that are taken at the same time: each reads its checkpoint from the archive. More wait less for the archive's answers,
 * and share one disk and one thread that writes them.
 */
const TAKEN_AT_ONCE = 4;
/** What cannot be taken is missing something in the archive or the log: nothing that comes within moments. */
const AGAIN_MS = 2_000;

export class Turnover {
  readonly #options: TurnoverOptions;
  #wanted: ReadonlySet<number> = new Set();
  readonly #here = new Set<number>();
  /** By partition, while it goes from one side to the other. */
  readonly #ways = new Map<number, Promise<void>>();
  /** Of those that are just being taken. */
  readonly #takes = new Map<number, AbortController>();
  readonly #doing = new Map<number, string>();
  readonly #waiting: (() => void)[] = [];
  #taking = 0;
  /** Aborted when `#wanted` changes: whoever waits looks again. */
  #change = new AbortController();

  constructor(options: TurnoverOptions) {
    this.#options = options;
  }

  /** May be said again at any time. A taking that is not wanted any more is broken off; what else is under way comes to its end first. */
  want(partitions: Iterable<number>): void {
    this.#wanted = new Set(partitions);
    this.#change.abort();
    this.#change = new AbortController();
    for (const [partition, take] of this.#takes) {
      if (!this.#wanted.has(partition)) take.abort(partitionElsewhere(partition));
    }
    for (const partition of new Set([...this.#here, ...this.#wanted])) this.#go(partition);
  }

  /** What is being taken is broken off; what is here, and wanted, stays. */
  takeNoMore(): void {
    this.want([...this.#here].filter((partition) => this.#wanted.has(partition)));
  }

  /** Those that are worked on. */
  get here(): ReadonlySet<number> {
    return this.#here;
  }

  /** Of partitions that are wanted and not here: what is being done, or why they cannot be had. */
  problem(partition: number): string | undefined {
    if (!this.#wanted.has(partition) || this.#here.has(partition)) return undefined;
    return this.#doing.get(partition) ?? 'it waits to be taken';
  }

  /** Resolves when all that is wanted is here, and nothing else. */
  async settled(): Promise<void> {
    while (this.#ways.size > 0) await Promise.all(this.#ways.values());
  }

  #go(partition: number): void {
    if (this.#ways.has(partition)) return;
    const way = this.#turn(partition).finally(() => {
      this.#ways.delete(partition);
      this.#doing.delete(partition);
      this.#options.changed();
    });
    this.#ways.set(partition, way);
  }

  async #turn(partition: number): Promise<void> {
    while (this.#wanted.has(partition) !== this.#here.has(partition)) {
      const { signal } = this.#change;
      try {
        if (this.#here.has(partition)) await this.#give(partition);
        else await this.#take(partition);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        this.#options.logger.error(
          { err: error, partition },
          'a partition can be neither taken nor given yet',
        );
        this.#say(partition, error.message);
        await this.#options.sleep(AGAIN_MS, signal);
      }
    }
  }

  async #give(partition: number): Promise<void> {
    await this.#options.give(partition);
    this.#here.delete(partition);
    this.#options.changed();
  }

  async #take(partition: number): Promise<void> {
    await this.#room();
    const take = new AbortController();
    this.#takes.set(partition, take);
    try {
      // While it waited others may have got it.
      if (!this.#wanted.has(partition)) return;
      await this.#options.take(partition, (doing) => this.#say(partition, doing), take.signal);
      this.#here.add(partition);
      this.#options.changed();
    } catch (error) {
      // Whoever wants it again by now has it taken anew.
      if (!(take.signal.aborted && error instanceof AppError)) throw error;
    } finally {
      this.#takes.delete(partition);
      this.#taking -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #room(): Promise<void> {
    while (this.#taking >= TAKEN_AT_ONCE) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#taking += 1;
  }

  #say(partition: number, doing: string): void {
    this.#doing.set(partition, doing);
    this.#options.changed();
  }
}
