/** Where the archive ends in each partition that this node has, and how much of the log waits behind that. */
import type { Logger } from '../../src/model/logger.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { Manifest } from '../../storage/archive/manifest.ts';
import { partitionStateKey } from '../../storage/state/keys.ts';
import type { StateReader } from '../../storage/state/state.ts';
import { decodePartitionState } from '../partition/snapshot.ts';
import type { Duties } from './duties.ts';
import type { Stretch } from './walk.ts';

export interface BacklogOptions {
  readonly manifest: () => Manifest;
  /** Undefined: this server has all partitions. */
  readonly duties?: Duties | undefined;
  readonly partitions: number;
  readonly committed: () => readonly number[];
  readonly committedForGood: () => Promise<readonly number[]>;
  readonly logStart: (partition: number) => number;
  readonly logBytes: (distances: Iterable<number>) => number;
  readonly state: StateReader;
  readonly log: Logger;
}

/** What is to be archived, of partitions that were here when it was found. */
export interface Wanted {
  readonly to: ReadonlyMap<number, Offset>;
  readonly takings: ReadonlyMap<number, number>;
}

interface Place {
  readonly taking: number;
  /** Everything before is archived, or held no events. */
  readonly from: Offset;
  /** Offsets that the log has lost before they were archived. */
  readonly missed: number;
}

/** Of a server that has all partitions for good. */
const ONLY_TAKING = 0;

export class Backlog {
  readonly #options: BacklogOptions;
  readonly #places = new Map<number, Place>();

  constructor(options: BacklogOptions) {
    this.#options = options;
    this.look();
  }

  /** Takes up what has come to this node, drops what has left it, and goes on from where other nodes have archived to. */
  look(): void {
    const { partitions, log } = this.#options;
    const missedBefore = this.missedBytes;
    for (let partition = 0; partition < partitions; partition++) {
      const taking = this.#takingOf(partition);
      const known = this.#places.get(partition);
      if (taking === undefined) this.#places.delete(partition);
      else if (known?.taking !== taking)
        this.#places.set(partition, this.#begin(partition, taking));
      else this.#moveOn(partition, known, this.#archivedTo(partition) ?? 0);
    }
    const { missedBytes } = this;
    if (missedBytes > missedBefore) {
      log.error(
        { missedBytes },
        'the log was shortened while nobody archived it: its events are missing in the archive',
      );
    }
  }

  /** What is committed and would survive a power cut. */
  async wanted(): Promise<Wanted> {
    this.look();
    const takings = new Map(
      Array.from(this.#places, ([partition, { taking }]) => [partition, taking]),
    );
    const committed = await this.#options.committedForGood();
    const to = new Map<number, Offset>();
    for (const partition of takings.keys()) {
      const end = Math.min(committed[partition] ?? 0, await this.#judgedTo(partition));
      to.set(partition, offset(end));
    }
    return { to, takings };
  }

  /** What is left of it behind a cut that is being made, in the partitions that have been here all the time; undefined: nothing. */
  stretchOf({ to, takings }: Wanted, behind?: Stretch): Stretch | undefined {
    this.look();
    const from = new Map<number, Offset>();
    const ends = new Map<number, Offset>();
    for (const [partition, place] of this.#places) {
      if (place.taking !== takings.get(partition)) continue;
      from.set(partition, offset(Math.max(place.from, behind?.to.get(partition) ?? 0)));
      ends.set(partition, to.get(partition) ?? offset(0));
    }
    const isLeft = [...ends].some(([partition, end]) => end > (from.get(partition) ?? 0));
    return isLeft ? { from, to: ends } : undefined;
  }

  /** Whether the archive ends where the stretch begins, in all its partitions. */
  isNext({ from }: Stretch): boolean {
    this.look();
    return [...from].every(([partition, start]) => this.#places.get(partition)?.from === start);
  }

  /** Whether all that was read of these partitions is what their own threads have written. */
  areHere(partitions: Iterable<number>, { takings }: Wanted): boolean {
    return [...partitions].every(
      (partition) => this.#takingOf(partition) === takings.get(partition),
    );
  }

  moveOn({ to }: Stretch): void {
    for (const [partition, end] of to) {
      const known = this.#places.get(partition);
      if (known !== undefined) this.#moveOn(partition, known, end);
    }
  }

  waiting(): { readonly partition: number; readonly from: number; readonly end: number }[] {
    const committed = this.#options.committed();
    return Array.from(this.#places, ([partition, { from }]) => ({
      partition,
      from,
      end: committed[partition] ?? 0,
    })).filter(({ from, end }) => end > from);
  }

  get waitingBytes(): number {
    return this.waitingBytesBehind(undefined);
  }

  /** Without those of a cut that is being made. */
  waitingBytesBehind(cut: Stretch | undefined): number {
    const distances = this.waiting().map(
      ({ partition, from, end }) => end - Math.max(from, cut?.to.get(partition) ?? 0),
    );
    return this.#options.logBytes(distances);
  }

  /** Since the archive's beginning, as far as this start knows. */
  get missedBytes(): number {
    return this.#options.logBytes(Array.from(this.#places.values(), ({ missed }) => missed));
  }

  #begin(partition: number, taking: number): Place {
    const start = this.#options.logStart(partition);
    const position = this.#archivedTo(partition) ?? start;
    return { taking, from: offset(Math.max(position, start)), missed: start - position };
  }

  #moveOn(partition: number, place: Place, to: number): void {
    if (to > place.from) this.#places.set(partition, { ...place, from: offset(to) });
  }

  #archivedTo(partition: number): number | undefined {
    return this.#options.manifest().positions.get(partition);
  }

  #takingOf(partition: number): number | undefined {
    const { duties } = this.#options;
    return duties === undefined ? ONLY_TAKING : duties.takingOf(partition);
  }

  /**
   * Up to where the verdicts on the partition's blocks are here. Until its thread has loaded it, what is said to be committed is what another
   * node has.
   */
  async #judgedTo(partition: number): Promise<number> {
    const { duties, state } = this.#options;
    if (duties === undefined) return Number.POSITIVE_INFINITY;
    const [row] = await state.getMany([partitionStateKey(partition)]);
    return row === undefined ? 0 : decodePartitionState(row).position;
  }
}
