/**
 * Filters of texts that segments have in them (storage/segments/text-filters.ts), asked before DuckDB opens a file: that takes it
 * many times as long. Where they are in a file is kept, of the filters themselves nothing.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import {
  blockOffset,
  FILTER_BLOCK_BYTES,
  type FilterHash,
  mayHold,
} from '../../storage/parquet/bloom-filter.ts';
import { type FilterPlace, readFooter } from '../../storage/parquet/footer.ts';
import { FILTER_PLACES_FILES_MAX } from './limits.ts';

/** Of a column: the different filters of its row groups; undefined: a row group has none. */
type Places = ReadonlyMap<string, readonly FilterPlace[] | undefined>;

const NONE: Places = new Map();

export class SegmentFilters {
  /** By path in the archive; the least recently used come first. */
  readonly #places = new Map<string, Places>();
  readonly #block = new DataView(new ArrayBuffer(FILTER_BLOCK_BYTES));

  /** @param localPath where the file can be read */
  has(file: SegmentFile, localPath: string, column: string): boolean {
    return this.#placesOf(file, localPath).get(column) !== undefined;
  }

  /** False only if no text of the column has one of these hashes. */
  mayHold(
    file: SegmentFile,
    localPath: string,
    column: string,
    hashes: readonly FilterHash[],
  ): boolean {
    const places = this.#placesOf(file, localPath).get(column);
    if (places === undefined) return true;
    let opened: number | undefined;
    try {
      opened = openSync(localPath, 'r');
      for (const place of places) {
        for (const hash of hashes) if (this.#isKnown(opened, place, hash)) return true;
      }
      return false;
    } catch {
      // Whoever reads the file will say what is wrong with it.
      return true;
    } finally {
      if (opened !== undefined) closeSync(opened);
    }
  }

  #isKnown(opened: number, place: FilterPlace, hash: FilterHash): boolean {
    const offset = blockOffset(place, hash);
    const read = readSync(opened, this.#block, 0, FILTER_BLOCK_BYTES, offset);
    return read < FILTER_BLOCK_BYTES || mayHold(this.#block, hash);
  }

  #placesOf(file: SegmentFile, localPath: string): Places {
    const places = this.#places.get(file.path) ?? placesIn(localPath, file.bytes);
    this.#places.delete(file.path);
    this.#places.set(file.path, places);
    for (const oldest of this.#places.keys()) {
      if (this.#places.size <= FILTER_PLACES_FILES_MAX) break;
      this.#places.delete(oldest);
    }
    return places;
  }
}

function placesIn(localPath: string, bytes: number): Places {
  try {
    const places = new Map<string, FilterPlace[] | undefined>();
    for (const { column, filter } of readFooter(localPath, bytes).chunks) {
      const others = places.has(column) ? places.get(column) : [];
      if (filter === undefined) places.set(column, undefined);
      else if (others !== undefined && others.at(-1)?.offset !== filter.offset) {
        places.set(column, [...others, filter]);
      }
    }
    return places;
  } catch {
    return NONE;
  }
}
