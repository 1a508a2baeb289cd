/**
 * The row groups of segments, as slices of event time ask for them. Rows of a compacted segment lie by type and time, so that a slice
 * needs a few row groups of each type, and the next one often the same: these are kept as long as there is room.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { AppError } from '../../src/model/errors.ts';
import {
  type ColumnPlace,
  type RowGroup,
  readRowGroups,
} from '../../storage/parquet/row-groups.ts';
import { FETCHES_MAX } from './limits.ts';
import {
  columnsOf,
  decodeRows,
  fetchRows,
  type SegmentColumns,
  type SegmentRows,
} from './segment-rows.ts';
import type { SliceField } from './slice-columns.ts';
import type { Slice } from './slices.ts';

/** A segment on this disk. */
export interface SegmentSource {
  /** In the archive: names it for good. */
  readonly name: string;
  readonly path: string;
  /** Undefined: its rows are of several partitions. */
  readonly partition: number | undefined;
  /** Undefined: all of its rows count. Else those from `from` on, before `to`, by partition. */
  readonly positions:
    | { readonly from: readonly number[]; readonly to: readonly number[] }
    | undefined;
}

export interface GroupRows {
  readonly source: SegmentSource;
  readonly rows: SegmentRows;
  /** What decoding them took. */
  readonly decodedMs: number;
}

interface Wanted {
  readonly key: string;
  readonly source: SegmentSource;
  readonly group: RowGroup;
  /** Later slices may need it, too. */
  readonly goesOn: boolean;
}

export class SegmentGroups {
  readonly #fields: readonly SliceField[];
  readonly #bytesMax: number;
  /** Of the files of the last slice. */
  #known = new Map<string, readonly RowGroup[]>();
  readonly #kept = new Map<string, SegmentRows>();
  /** Of what is kept. */
  #bytes = 0;

  constructor(fields: readonly SliceField[], bytesMax: number) {
    this.#fields = fields;
    this.#bytesMax = bytesMax;
  }

  /** All rows of the slice are among these; one call at a time. Rejects if a file is not there or not to be read. */
  async *groupsOf(sources: readonly SegmentSource[], slice: Slice): AsyncGenerator<GroupRows> {
    const wanted = await this.#wanted(sources, slice);
    this.#forgetOthers(wanted);
    const left = wanted.values();
    const fetched: { readonly of: Wanted; readonly rows: Promise<() => SegmentRows> }[] = [];
    const fetch = () => {
      const { value: of } = left.next();
      if (of === undefined) return;
      const rows = this.#rowsOf(of);
      // Whoever waits for it hears of it; until then it is nobody's.
      rows.catch(() => undefined);
      fetched.push({ of, rows });
    };
    for (let i = 0; i < FETCHES_MAX; i++) fetch();
    for (let next = fetched.shift(); next !== undefined; next = fetched.shift()) {
      const { of, rows } = next;
      const decode = await rows;
      fetch();
      const startedMs = performance.now();
      const decoded = decode();
      const decodedMs = performance.now() - startedMs;
      this.#keep(of, decoded);
      yield { source: of.source, rows: decoded, decodedMs };
    }
  }

  #keep({ key, goesOn }: Wanted, rows: SegmentRows): void {
    const isKept = this.#kept.has(key);
    if (goesOn && !isKept && this.#bytes + rows.bytes <= this.#bytesMax) {
      this.#kept.set(key, rows);
      this.#bytes += rows.bytes;
    } else if (!goesOn && isKept) {
      this.#kept.delete(key);
      this.#bytes -= rows.bytes;
    }
  }

  /** Of files that are no longer there, too. */
  #forgetOthers(wanted: readonly Wanted[]): void {
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, { bytes }] of this.#kept) {
      if (keys.has(key)) continue;
      this.#kept.delete(key);
      this.#bytes -= bytes;
    }
  }

  async #wanted(sources: readonly SegmentSource[], slice: Slice): Promise<Wanted[]> {
    const known = new Map<string, readonly RowGroup[]>();
    const wanted: Wanted[] = [];
    for (const source of sources) {
      const groups = this.#known.get(source.name) ?? (await this.#groupsIn(source));
      known.set(source.name, groups);
      for (const [i, group] of groups.entries()) {
        const { fromMs, toMs } = timesOf(group);
        if (fromMs >= slice.toMs || toMs <= slice.fromMs) continue;
        wanted.push({ key: `${i} ${source.name}`, source, group, goesOn: toMs > slice.toMs });
      }
    }
    this.#known = known;
    return wanted;
  }

  #groupsIn(source: SegmentSource): Promise<readonly RowGroup[]> {
    const names = columnsOf(this.#columnsOf(source));
    return reading(source, (file) => readRowGroups(file, names));
  }

  #columnsOf({ partition, positions }: SegmentSource): SegmentColumns {
    return {
      fields: this.#fields,
      hasPartitions: partition === undefined,
      hasPositions: positions !== undefined,
    };
  }

  /** Read at once; decoded when the answer is called, by when the rows before have been taken. */
  async #rowsOf({ key, source, group }: Wanted): Promise<() => SegmentRows> {
    const known = this.#kept.get(key);
    if (known !== undefined) return () => known;
    const columns = this.#columnsOf(source);
    const pages = await reading(source, (file) => fetchRows(file, group, columns));
    return () => explained(source, () => decodeRows(pages, group.rows, columns));
  }
}

async function reading<T>(
  source: SegmentSource,
  read: (file: FileHandle) => Promise<T>,
): Promise<T> {
  let file: FileHandle | undefined;
  try {
    file = await open(source.path);
    return await read(file);
  } catch (cause) {
    throw explanation(source, cause);
  } finally {
    await file?.close();
  }
}

function explained<T>(source: SegmentSource, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw explanation(source, cause);
  }
}

function explanation({ name, path }: SegmentSource, cause: unknown): AppError {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
    return new AppError('archive_missing', 'a segment is gone', { path }, cause);
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AppError('segment_corrupt', `${name} cannot be read: ${reason}`, { path }, cause);
}

/** What lies too far ahead counts when it arrived, which is earlier. */
function timesOf({ columns }: RowGroup): Slice {
  const of = (name: string): ColumnPlace | undefined =>
    columns.find(({ path }) => path.length === 1 && path[0] === name);
  const [times, arrivals] = [of('ts'), of('_arrival')];
  const min = Math.min(msOf(times?.min, times), msOf(arrivals?.min, arrivals));
  const max = msOf(times?.max, times);
  return {
    fromMs: Number.isNaN(min) ? Number.NEGATIVE_INFINITY : min,
    toMs: Number.isNaN(max) ? Number.POSITIVE_INFINITY : max + 1,
  };
}

const msOf = (value: number | undefined, place: ColumnPlace | undefined): number =>
  value === undefined || place === undefined ? Number.NaN : Math.floor(value / place.perMs);
