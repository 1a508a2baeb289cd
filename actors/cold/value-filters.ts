/**
 * What is known of the values of a segment's field without reading it: a Bloom filter with one hash for each file and field,
 * kept in memory while there is room. It may say yes to a value that the file does not hold, and never no to one that it
 * holds. A segment never changes, so that nothing here grows old.
 */
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { FILTER_BITS_A_ROW, FILTER_BITS_MAX, FILTER_BITS_MIN } from './limits.ts';

/** Questions would have been faster with filters of these. */
export interface FilterWish {
  readonly schema: StreamSchema;
  readonly fields: readonly string[];
  /** The most wanted first. */
  readonly files: readonly SegmentFile[];
}

/** Of an entry beside its bits: its key and its places in tables. */
const ENTRY_BYTES = 256;
const BITS_A_BYTE = 8;

export class ValueFilters {
  /** The newest one: what was wished before has waited for a quiet moment, and is wished again if it is asked again. */
  wish: FilterWish | undefined;
  readonly bytesMax: number;
  /** By path and field; the least recently used come first. None has no bits: its file has no value of the field. */
  readonly #kept = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Of memory. */
  get bytes(): number {
    return this.#bytes;
  }

  has(path: string, field: string): boolean {
    return this.#use(keyOf(path, field)) !== undefined;
  }

  /** False only if no value of the field has one of these hashes. */
  mayHold(path: string, field: string, hashes: readonly number[]): boolean {
    const bits = this.#use(keyOf(path, field));
    if (bits === undefined) return true;
    const places = bits.length * BITS_A_BYTE;
    return places > 0 && hashes.some((hash) => isSet(bits, hash % places));
  }

  /** @param bits as many as `filterBits` says, the first one highest in its byte; or none */
  keep(path: string, field: string, bits: Uint8Array): void {
    const key = keyOf(path, field);
    this.#drop(key);
    this.#kept.set(key, bits);
    this.#bytes += bits.length + ENTRY_BYTES;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.bytesMax) return;
      this.#drop(oldest);
    }
  }

  /** Keeps nothing: events were erased. */
  forget(): void {
    this.wish = undefined;
    this.#kept.clear();
    this.#bytes = 0;
  }

  #use(key: string): Uint8Array | undefined {
    const bits = this.#kept.get(key);
    if (bits === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, bits);
    return bits;
  }

  #drop(key: string): void {
    const bits = this.#kept.get(key);
    if (bits === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= bits.length + ENTRY_BYTES;
  }
}

/** A power of two, so that one hash of a value serves filters of any length; undefined: the file is too long for one. */
export function filterBits({ rows }: Pick<SegmentFile, 'rows'>): number | undefined {
  const bits = 2 ** Math.ceil(Math.log2(Math.max(rows, 1) * FILTER_BITS_A_ROW));
  return bits > FILTER_BITS_MAX ? undefined : Math.max(bits, FILTER_BITS_MIN);
}

/** Of memory, at most. */
export const filterBytes = (bits: number): number => bits / BITS_A_BYTE + ENTRY_BYTES;

/** No path has a line break in it. */
const keyOf = (path: string, field: string): string => `${path}\n${field}`;

const isSet = (bits: Uint8Array, place: number): boolean =>
  ((bits[Math.floor(place / BITS_A_BYTE)] as number) & (0x80 >> (place % BITS_A_BYTE))) !== 0;
