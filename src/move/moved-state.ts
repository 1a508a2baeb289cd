/**
 * What a data folder says of positions in its journal, said of positions in the topic. Blocks that are copied get new offsets there, all
 * of them behind the journal's; what lies before the first of them keeps the old ones, for nothing there is ever read again.
 */
import {
  EMPTY_SNAPSHOT,
  encodePartitionState,
  loadHead,
  type PartitionState,
} from '../../actors/partition/snapshot.ts';
import type { LoggedBlock } from '../../storage/log/log.ts';
import {
  partitionStateKey,
  verdictKey,
  verdictOffset,
  verdictRange,
} from '../../storage/state/keys.ts';
import { type StateOp, type StateRow, type StateStore, scan } from '../../storage/state/state.ts';

/** Verdicts of one commit. */
const OPS_MAX = 1_000;

/** As a partition has committed it; one that has never committed begins with the log. */
export async function stateOf(store: StateStore, partition: number): Promise<PartitionState> {
  const { position, watermarkMs, nowMs, producers, generations } = EMPTY_SNAPSHOT;
  const head = await loadHead(store, partition);
  return head?.state ?? { position, watermarkMs, nowMs, producers, generations };
}

export interface MovedStateOptions {
  readonly store: StateStore;
  readonly states: readonly PartitionState[];
  /** Per partition the position before which everything is archived. */
  readonly archived: readonly number[] | null;
  readonly offsetBase: number;
}

/** Is shown the copied blocks of all partitions, those of each in their order. */
export class MovedState {
  readonly #store: StateStore;
  readonly #partitions: readonly MovedPartition[];
  readonly #states: readonly PartitionState[];
  readonly #archived: readonly number[] | null;
  #ops: StateOp[] = [];

  constructor({ store, states, archived, offsetBase }: MovedStateOptions) {
    this.#store = store;
    this.#states = states;
    this.#archived = archived;
    this.#partitions = states.map(({ position, generations }, partition) => {
      const marks = generations.flatMap(({ from, to }) => [from, to]);
      const positions = [position, archived?.[partition] ?? 0, ...marks];
      return new MovedPartition(positions, verdictsOf(store, partition, offsetBase), offsetBase);
    });
  }

  /** Writes verdicts at their new offsets beside the old ones: doing it twice is as good as once. */
  async see({ partition, offset }: LoggedBlock, to: number): Promise<void> {
    const verdict = await (this.#partitions[partition] as MovedPartition).see(offset, to);
    if (verdict === undefined) return;
    this.#ops.push({ key: verdictKey(partition, to), value: verdict });
    if (this.#ops.length >= OPS_MAX) await this.#flush();
  }

  /** When all blocks were shown: per partition where the archive ends. */
  get archived(): readonly number[] | undefined {
    return this.#archived?.map(
      (position, partition) => this.#partitions[partition]?.at(position) ?? 0,
    );
  }

  /** When all blocks were shown. After it the folder belongs to the topic; until then everything is as it was. */
  async commit(): Promise<void> {
    await this.#flush();
    const ops = this.#states.map((state, partition): StateOp => {
      const moved = this.#partitions[partition] as MovedPartition;
      const generations = state.generations.map(({ from, to, sinceMs }) => ({
        from: moved.at(from),
        to: moved.at(to),
        sinceMs,
      }));
      const position = moved.at(state.position);
      const value = encodePartitionState({ ...state, position, generations });
      return { key: partitionStateKey(partition), value };
    });
    await this.#store.commit(ops, 'synced');
  }

  async #flush(): Promise<void> {
    await this.#store.commit(this.#ops);
    this.#ops = [];
  }
}

/** Of an attempt that was given up: behind the journal there is nothing else. */
export const forgetVerdicts = (
  store: StateStore,
  partition: number,
  offsetBase: number,
): Promise<void> => store.clear(verdictRange(partition, offsetBase, Number.MAX_SAFE_INTEGER));

class MovedPartition {
  /** Positions that are asked for, ascending, and what they are in the topic as far as that is known. */
  readonly #wanted: readonly number[];
  readonly #found = new Map<number, number>();
  readonly #verdicts: AsyncGenerator<StateRow>;
  #verdict: StateRow | undefined;
  #hasBegun = false;
  #end: number;

  constructor(
    positions: readonly number[],
    verdicts: AsyncGenerator<StateRow>,
    offsetBase: number,
  ) {
    this.#wanted = [...new Set(positions)].sort((a, b) => a - b);
    this.#verdicts = verdicts;
    this.#end = offsetBase;
  }

  /** Answers the verdict on the block, if there is one. */
  async see(offset: number, to: number): Promise<Uint8Array | undefined> {
    for (let next = this.#next(); next !== undefined && next <= offset; next = this.#next()) {
      this.#found.set(next, to);
    }
    this.#end = to + 1;
    if (!this.#hasBegun) await this.#step();
    while (this.#verdict !== undefined && verdictOffset(this.#verdict.key) < offset) {
      await this.#step();
    }
    const verdict = this.#verdict;
    return verdict !== undefined && verdictOffset(verdict.key) === offset
      ? verdict.value
      : undefined;
  }

  /** That of the first copied block at or behind it; behind all blocks if there is none. */
  at(position: number): number {
    return this.#found.get(position) ?? this.#end;
  }

  #next(): number | undefined {
    return this.#wanted[this.#found.size];
  }

  async #step(): Promise<void> {
    this.#hasBegun = true;
    const { value, done } = await this.#verdicts.next();
    this.#verdict = done === true ? undefined : value;
  }
}

const verdictsOf = (
  store: StateStore,
  partition: number,
  before: number,
): AsyncGenerator<StateRow> => scan(store, verdictRange(partition, 0, before));
