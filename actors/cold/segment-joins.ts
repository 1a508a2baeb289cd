/**
 * Small segments of a day put together as one file of this disk that is not compressed: to open a file costs DuckDB as much as
 * to read some thousand events of it. They are made once a question has opened many, and kept as long as there is room. A segment never changes, and
 * a join stands for its segments only where all of them are asked for: what was erased or replaced is never read from one.
 */
import { rmSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DAY_MS } from '../../src/model/units.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { freeBytes } from '../../storage/free-bytes.ts';
import { joinParquet } from '../../storage/parquet/join.ts';
import {
  JOINED_BYTES_MAX,
  JOINED_FILES_MAX,
  JOINED_FILES_MIN,
  JOINED_SEGMENT_BYTES_MAX,
  JOINS_MAX,
  JOINS_WISHED_FILES_MIN,
} from './limits.ts';
import type { SegmentFiles } from './segment-files.ts';

export interface SegmentJoin {
  readonly localPath: string;
  readonly files: readonly SegmentFile[];
}

export interface TakenJoins {
  readonly joins: readonly SegmentJoin[];
  /** What was asked for and is in none of them. */
  readonly rest: readonly SegmentFile[];
  release(): void;
}

interface Kept extends SegmentJoin {
  readonly bytes: number;
  readers: number;
  isDropped: boolean;
}

export class SegmentJoins {
  readonly #folder: string;
  readonly #bytesMax: number;
  readonly #diskFreeBytesMin: number;
  /** The least recently used come first. */
  readonly #kept = new Set<Kept>();
  /** By path in the archive, those that are in one. */
  readonly #joinOf = new Map<string, Kept>();
  /** Paths of segments that cannot be joined. */
  readonly #refused = new Set<string>();
  #wish: readonly SegmentFile[] = [];
  #bytes = 0;
  #made = 0;
  #forgotten = 0;

  /** `folder` is its own; it need not be there. None is made on a disk that has less than `diskFreeBytesMin`. */
  constructor(folder: string, bytesMax: number, diskFreeBytesMin: number) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
    this.#diskFreeBytesMin = diskFreeBytesMin;
  }

  /** On the disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Somebody has opened many small files. */
  get isWished(): boolean {
    return this.#wish.length > 0;
  }

  /** `known`: all files of the stream, as of the same version. Whoever takes them releases them when they have been read. */
  take(asked: readonly SegmentFile[], known: readonly SegmentFile[]): TakenJoins {
    this.#dropReplaced(known);
    const wanted = new Set(asked.map(({ path }) => path));
    const taken = [...this.#kept].filter(({ files }) =>
      files.every(({ path }) => wanted.has(path)),
    );
    for (const each of taken) {
      each.readers += 1;
      this.#kept.delete(each);
      this.#kept.add(each);
    }
    const covered = new Set(taken);
    const rest = asked.filter(({ path }) => {
      const kept = this.#joinOf.get(path);
      return kept === undefined || !covered.has(kept);
    });
    if (rest.length >= JOINS_WISHED_FILES_MIN) this.#wish = asked;
    return {
      joins: taken,
      rest,
      release: () => {
        for (const each of taken.splice(0)) this.#release(each);
      },
    };
  }

  /** Makes one of those that are wished for. Resolves with whether it did; then there may be more. */
  async build(segments: SegmentFiles): Promise<boolean> {
    const forgotten = this.#forgotten;
    const wish = this.#wish;
    this.#wish = [];
    const group = this.#nextGroup(wish);
    if (group === undefined || !(await this.#hasDisk())) return false;
    const localPath = join(this.#folder, `${this.#made++}.parquet`);
    const lease = await segments.lease(group);
    let bytes: number;
    try {
      const paths = group.map(({ path }) => lease.paths.get(path) ?? path);
      bytes = await joinParquet(paths, localPath, JOINED_BYTES_MAX);
    } catch (error) {
      for (const { path } of group) this.#refused.add(path);
      throw error;
    } finally {
      lease.release();
    }
    const made: Kept = { localPath, files: group, bytes, readers: 0, isDropped: false };
    // What was erased meanwhile may be in it.
    const isKept = forgotten === this.#forgotten && this.#makeRoom(bytes, wish);
    if (!isKept) {
      await rm(localPath, { force: true });
      return false;
    }
    this.#keep(made);
    if (this.#wish.length === 0) this.#wish = wish;
    return true;
  }

  /** Keeps nothing: events were erased. What is being read goes with its last reader. */
  forget(): void {
    this.#forgotten += 1;
    this.#wish = [];
    this.#refused.clear();
    for (const each of [...this.#kept]) this.#drop(each);
  }

  /** The newest first. */
  #nextGroup(wish: readonly SegmentFile[]): SegmentFile[] | undefined {
    if (this.#refused.size > JOINS_MAX * JOINED_FILES_MAX) this.#refused.clear();
    const single = wish.filter(
      ({ path, bytes }) =>
        bytes <= JOINED_SEGMENT_BYTES_MAX && !this.#joinOf.has(path) && !this.#refused.has(path),
    );
    const days = Map.groupBy(
      single.toSorted((a, b) => b.hourMs - a.hourMs),
      ({ schema, hourMs }) => `${schema} ${Math.floor(hourMs / DAY_MS)}`,
    );
    const day = [...days.values()].find(({ length }) => length >= JOINED_FILES_MIN);
    return day?.slice(0, JOINED_FILES_MAX);
  }

  async #hasDisk(): Promise<boolean> {
    await mkdir(this.#folder, { recursive: true });
    return (await freeBytes(this.#folder)) >= this.#diskFreeBytesMin;
  }

  /** Not at the cost of one that is wished for itself: what is made first would be gone when the last is. */
  #makeRoom(bytes: number, wish: readonly SegmentFile[]): boolean {
    const wished = new Set(wish.flatMap(({ path }) => this.#joinOf.get(path) ?? []));
    for (const oldest of [...this.#kept]) {
      if (this.#bytes + bytes <= this.#bytesMax && this.#kept.size < JOINS_MAX) return true;
      if (wished.has(oldest)) return false;
      this.#drop(oldest);
    }
    return this.#bytes + bytes <= this.#bytesMax;
  }

  #keep(made: Kept): void {
    this.#kept.add(made);
    this.#bytes += made.bytes;
    for (const { path } of made.files) this.#joinOf.set(path, made);
  }

  /** Of `known`'s stream, those some of whose segments are no longer there: they will not be asked for again. */
  #dropReplaced(known: readonly SegmentFile[]): void {
    const [one] = known;
    if (one === undefined) return;
    const paths = new Set(known.map(({ path }) => path));
    const isOfStream = ({ tenant, stream }: SegmentFile) =>
      tenant === one.tenant && stream === one.stream;
    for (const each of [...this.#kept]) {
      const isReplaced = each.files.some((file) => isOfStream(file) && !paths.has(file.path));
      if (isReplaced) this.#drop(each);
    }
  }

  #drop(each: Kept): void {
    this.#kept.delete(each);
    this.#bytes -= each.bytes;
    each.isDropped = true;
    for (const { path } of each.files) this.#joinOf.delete(path);
    if (each.readers === 0) rmSync(each.localPath, { force: true });
  }

  #release(each: Kept): void {
    each.readers -= 1;
    if (each.isDropped && each.readers === 0) rmSync(each.localPath, { force: true });
  }
}
