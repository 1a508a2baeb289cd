/**
 * Makes RocksDB rewrite what it holds of rows that were changed or deleted. It keeps old values in its write-ahead log until a
 * memtable is written to a file, and in files until these are compacted; the binding offers neither call. But it does both by
 * itself once enough is written, whatever that is.
 */
import { ROCKSDB_MEMTABLE_BYTES } from '../limits.ts';
import type { StateStore } from './state.ts';

const ROW_BYTES = 256 * 1024;
/**
 * Memtables are written two at a time, together half the budget, and two files of the first level are compacted with all that lies
 * below them. What is in memory now goes with the first of the two; one more, because the memtable at hand may be nearly full.
 */
const BYTES = 1.5 * ROCKSDB_MEMTABLE_BYTES;
/** Between two rows, so that commits of partitions come through. */
const PAUSE_MS = 5;

/**
 * Writes zeros over and over into the row of `key`, which nobody else uses, and deletes it: of rows that are overwritten in a
 * memtable only the last one reaches a file. In a store with more than two levels below the first old values may stay in the
 * lowest one until RocksDB comes there by itself.
 */
export async function pushOut(
  store: StateStore,
  key: Uint8Array,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  const value = new Uint8Array(ROW_BYTES);
  for (let written = 0; written < BYTES; written += ROW_BYTES) {
    await store.commit([{ key, value }]);
    await sleep(PAUSE_MS);
  }
  await store.commit([{ key, value: undefined }]);
}
