/** How far this node's partitions are, told to one other node as long as it listens. */
import { type LogShared, logEnd } from '../../storage/log/log-shared.ts';
import type { ByteSource } from '../model/byte-source.ts';
import { ownedPartitions, type Progress } from '../threads/progress.ts';
import { PROGRESS_INTERVAL_MS } from './limits.ts';
import type { ToldProgress } from './questions.ts';
import { frame, pack } from './wire.ts';

export interface ToldProgressOptions {
  readonly self: { readonly name: string; readonly life: number };
  readonly shared: LogShared;
  readonly progress: Progress;
  readonly problems: () => readonly string[];
}

/** All of it each time: some 60 bytes a partition, five times a second. That it comes says that the node lives. */
export class ToldProgressSource implements ByteSource {
  readonly #options: ToldProgressOptions;
  #isFirst = true;
  #isClosed = false;
  #wake = () => {};

  constructor(options: ToldProgressOptions) {
    this.#options = options;
  }

  async next(): Promise<Uint8Array | undefined> {
    if (!this.#isFirst && !this.#isClosed) await this.#rest();
    this.#isFirst = false;
    return this.#isClosed ? undefined : frame(pack(toldOf(this.#options)));
  }

  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  async #rest(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PROGRESS_INTERVAL_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function toldOf({ self, shared, progress, problems }: ToldProgressOptions): ToldProgress {
  return {
    node: self.name,
    life: self.life,
    partitions: ownedPartitions(progress).map((partition) => ({
      partition,
      // Before the ends: what is applied must not seem to lie behind them.
      applied: shared.applied[partition] as number,
      committed: progress.committed[partition] as number,
      end: logEnd(shared, partition) ?? 0,
      partitionEnd: shared.partitionEnds[partition] as number,
      eventEnd: shared.eventEnds[partition] as number,
    })),
    problems: [...problems()],
    readingSince: progress.readingSince[0] as number,
  };
}
