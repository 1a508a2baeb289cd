/**
 * The state of all partitions, wherever they are: rows of this node's partitions and of the server are read here, others from the node
 * that has them. What lies here of partitions of other nodes is old, and never read.
 */
import { partitionOf } from '../../storage/state/keys.ts';
import {
  type KeyRange,
  type ListingStore,
  type RangesRead,
  readRanges,
  type StateReader,
  type StateRow,
} from '../../storage/state/state.ts';
import { hasRows, type Progress } from '../threads/progress.ts';
import type { NodeClient, RangeRows } from './node-client.ts';
import type { RemotePartitions } from './remote-partitions.ts';
import { unpackRows } from './wire.ts';

/** As long as a query waits for a partition. */
const READ_TIMEOUT_MS = 2_000;

type LocalState = StateReader & Pick<ListingStore, 'pageDown'>;

export class RoutedState implements LocalState {
  readonly #local: LocalState;
  readonly #progress: Pick<Progress, 'owned'>;
  readonly #remote: Pick<RemotePartitions, 'clientOf'>;

  constructor(
    local: LocalState,
    progress: Pick<Progress, 'owned'>,
    remote: Pick<RemotePartitions, 'clientOf'>,
  ) {
    this.#local = local;
    this.#progress = progress;
    this.#remote = remote;
  }

  /** Rejects with `partition_elsewhere`, `node_away` or `query_timeout`. */
  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const owners = keys.map((key) => this.#ownerOf(partitionOf(key)));
    const places = Map.groupBy(keys.keys(), (place) => owners[place]);
    const values = new Array<Uint8Array | undefined>(keys.length);
    const read = async ([owner, of]: [NodeClient | undefined, number[]]) => {
      const some = of.map((place) => keys[place] as Uint8Array);
      const found = await (owner === undefined
        ? this.#local.getMany(some)
        : owner.ask('getMany', { keys: some }, READ_TIMEOUT_MS));
      for (const [i, place] of of.entries()) values[place] = found[i];
    };
    await Promise.all(Array.from(places, read));
    return values;
  }

  /** As `getMany` rejects. The range is of one partition, or of the server. */
  page(range: KeyRange, rowsMax: number): Promise<readonly StateRow[]> {
    return this.#page(range, rowsMax, false);
  }

  pageDown(range: KeyRange, rowsMax: number): Promise<readonly StateRow[]> {
    return this.#page(range, rowsMax, true);
  }

  /** All nodes are asked at once, each for its ranges together. */
  ranges(ranges: readonly KeyRange[]): RangesRead {
    const owners = ranges.map(({ from }) => this.#ownerOf(partitionOf(from)));
    const streams = new Map<NodeClient, RangeStream>();
    for (const [owner, of] of Map.groupBy(ranges.keys(), (place) => owners[place])) {
      if (owner === undefined) continue;
      const some = of.map((place) => ranges[place] as KeyRange);
      streams.set(owner, new RangeStream(owner.rows(some)));
    }
    const local = readRanges(this.#local, ranges);
    return {
      rows: (place) => {
        const owner = owners[place];
        return owner === undefined ? local.rows(place) : (streams.get(owner) as RangeStream).rows();
      },
      close: () => {
        for (const stream of streams.values()) stream.close();
      },
    };
  }

  async #page(range: KeyRange, rowsMax: number, isDown: boolean): Promise<readonly StateRow[]> {
    const owner = this.#ownerOf(partitionOf(range.from));
    if (owner !== undefined) {
      const { from, to } = range;
      return unpackRows(await owner.ask('page', { from, to, rowsMax, isDown }, READ_TIMEOUT_MS));
    }
    return isDown ? this.#local.pageDown(range, rowsMax) : this.#local.page(range, rowsMax);
  }

  /** Undefined: this node. Throws `partition_elsewhere` if nobody has it as far as is known here, or it is only just coming. */
  #ownerOf(partition: number): NodeClient | undefined {
    return hasRows(this.#progress, partition) ? undefined : this.#remote.clientOf(partition);
  }
}

/** The ranges of one node in their order, a piece read ahead of whoever takes them. */
class RangeStream {
  readonly #rows: AsyncGenerator<RangeRows>;
  #next: Promise<IteratorResult<RangeRows>>;

  constructor(rows: AsyncGenerator<RangeRows>) {
    this.#rows = rows;
    this.#next = this.#read();
  }

  /** Of the next range. */
  async *rows(): AsyncGenerator<readonly StateRow[]> {
    for (;;) {
      const { done, value } = await this.#next;
      if (done === true) throw new RangeError('a range is read once, in the order of the ranges');
      this.#next = this.#read();
      yield value.rows;
      if (value.isLast) return;
    }
  }

  close(): void {
    void this.#rows.return(undefined).catch(() => {});
  }

  #read(): Promise<IteratorResult<RangeRows>> {
    const next = this.#rows.next();
    // It is seen when it is taken.
    next.catch(() => {});
    return next;
  }
}
