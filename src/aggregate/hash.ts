/** 64-bit hashes of byte strings as two 32-bit lanes. Stable for ever: HyperLogLog registers on disk depend on it. */
import type { Entries } from '../model/columns.ts';

/** Writes the hash of entry `i` to `low[i]` and `high[i]`. */
export declare function hashEntries(
  entries: Entries,
  seedLow: number,
  seedHigh: number,
  low: Uint32Array,
  high: Uint32Array,
): void;
