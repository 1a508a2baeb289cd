/** How far the partitions that this server reads have come. */
import type { SourcePartitionView } from '../model/source-view.ts';

export class PartitionProgress {
  readonly topic: string;
  readonly partition: number;
  /** What is fetched next. */
  fetched: number;
  end: number | undefined;
  committed: number;
  lastRecordMs = 0;
  /** Ends of what was fetched, in order; those at the front are durable and passed as soon as all before them are. */
  readonly #parts: { readonly end: number; isDurable: boolean }[] = [];
  #position: number;

  constructor(topic: string, partition: number, at: number) {
    this.topic = topic;
    this.partition = partition;
    this.fetched = at;
    this.committed = at;
    this.#position = at;
  }

  /** Every record before it is in the log. */
  get position(): number {
    return this.#position;
  }

  get view(): SourcePartitionView {
    const { topic, partition, position, end, lastRecordMs } = this;
    return { topic, partition, position, end, lastRecordMs };
  }

  /** What lies before `end` was fetched. Answers what is to be called once it is durable. */
  took(end: number): (lastMs: number) => void {
    const part = { end, isDurable: false };
    this.fetched = end;
    this.#parts.push(part);
    return (lastMs) => {
      part.isDurable = true;
      if (lastMs > 0) this.lastRecordMs = lastMs;
      while (this.#parts[0]?.isDurable) this.#position = (this.#parts.shift() ?? part).end;
    };
  }

  /** Goes on elsewhere, because what lies between is not there any more. */
  jump(to: number): void {
    this.took(to)(0);
  }
}

export class Partitions {
  readonly all: readonly PartitionProgress[];

  constructor(all: readonly PartitionProgress[]) {
    this.all = all;
  }

  /** Durable positions that the group does not know yet; `keep` is called once it does. */
  uncommitted(): { readonly positions: Positions; readonly keep: () => void } | undefined {
    const moved = this.all
      .filter(({ position, committed }) => position !== committed)
      .map((progress) => ({ progress, at: progress.position }));
    if (moved.length === 0) return undefined;
    const positions = new Map<string, Map<number, number>>();
    for (const { progress, at } of moved) {
      const { topic, partition } = progress;
      const known = positions.get(topic) ?? new Map<number, number>();
      positions.set(topic, known.set(partition, at));
    }
    const keep = () => {
      for (const { progress, at } of moved) progress.committed = at;
    };
    return { positions, keep };
  }
}

export type Positions = ReadonlyMap<string, ReadonlyMap<number, number>>;
