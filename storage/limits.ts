/** Every bound of the storage layer, with the reason for its value. Options may replace the defaults. */
import { BLOCK_BYTES_MAX } from '../src/model/block-format.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/**
 * Size at which the journal goes on in a new file. Deletion and the recovery scan work by file: larger files
 * keep more bytes past their use and make a restart read longer (256 MiB scan in about 0.2 s), smaller ones
 * roll (three extra syncs) more often than every few seconds under full load.
 */
export const JOURNAL_FILE_BYTES = 256 * MIB;

/**
 * Most bytes of one write + sync. Only the last round can be torn by a crash, so this is also the longest tail
 * that recovery may cut: a bad block that lies deeper is damage to acknowledged data. The largest block must fit.
 */
export const JOURNAL_ROUND_BYTES_MAX = BLOCK_BYTES_MAX;

/**
 * Most bytes the journal keeps on disk before it answers `log_full`: about ten minutes of full load, days of a moderate
 * one. It must hold the dedup window and whatever is not applied yet.
 */
export const JOURNAL_BYTES_MAX = 32 * GIB;

/** Free space the journal leaves on its file system: RocksDB must still be able to flush, compact and recover. */
export const DISK_RESERVE_BYTES = 1 * GIB;

/** How often free space is asked for. A second at 1 GB/s is about the reserve, hence not rarer. */
export const DISK_CHECK_INTERVAL_MS = 1000;

/**
 * Bytes that may wait for the disk before `log_backpressure`: four of the largest rounds, about 0.2 s of a disk.
 * More only adds latency and memory, less refuses bursts that the next sync would have taken.
 */
export const JOURNAL_PENDING_BYTES_MAX = 4 * JOURNAL_ROUND_BYTES_MAX;

/**
 * Most bytes of one file read. Larger reads gain nothing measurable from the page cache and pin more memory per
 * view that outlives its neighbours; smaller ones pay a thread-pool round trip more often.
 */
export const JOURNAL_READ_BYTES = 1 * MIB;

/**
 * Bytes per read while only headers are wanted: blocks that end behind it are hopped over. Not below the 80 + 2 x 65535
 * bytes of the longest header with its names.
 */
export const BACKLOG_READ_BYTES = 256 * KIB;

/** Headers one backlog count looks at before it answers with what it has (about a second of work). */
export const BACKLOG_BLOCKS_MAX = 1_000_000;

/**
 * Memory for RocksDB's memtables, of which a quarter is one memtable. It also bounds the write-ahead log, which a
 * restart reads back: larger means fewer, larger flushes and a longer restart.
 */
export const ROCKSDB_MEMTABLE_BYTES = 64 * MIB;

/** RocksDB's cache of uncompressed blocks. Rows of recent time are in the memtable anyway; this is for dashboards. */
export const ROCKSDB_CACHE_BYTES = 32 * MIB;

/** Bytes that one page of state rows may hold before it ends: a row may be a large sketch, a page must stay small. */
export const STATE_PAGE_BYTES = 1 * MIB;

/** Files of a local archive's folder that are looked at in one go: keeps the file calls' few threads busy, not flooded. */
export const ARCHIVE_STATS_AT_ONCE = 64;
