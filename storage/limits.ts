/** Every bound of the storage layer, with the reason for its value. Options may replace the defaults. */
import { BLOCK_BYTES_MAX } from '../src/model/block-format.ts';
import { DAY_MS } from '../src/model/units.ts';

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

/** Bytes per read while a journal is inspected: nobody waits for it, and large reads are few. */
export const JOURNAL_WALK_BYTES = 4 * MIB;

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

/** Most that is read into memory as one: more than the largest file of the manifest. */
export const ARCHIVE_READ_BYTES_MAX = 512 * MIB;

/** A piece of a local file on its way to an archive. Larger ones are not faster, smaller ones are, per byte, more calls. */
export const ARCHIVE_COPY_BYTES = 1 * MIB;

/** Connections to one server of an archive; further requests wait for a free one. */
export const ARCHIVE_CONNECTIONS_MAX = 16;

/**
 * Waits for a server of the archive. A connection takes three round trips with TLS; a DataNode says nothing while it syncs a
 * block to a busy disk; the largest segments take some minutes on a slow line.
 */
export const ARCHIVE_TIMEOUTS = { connectMs: 5_000, idleMs: 60_000, wholeMs: 15 * 60_000 } as const;

/** How long HDFS is asked again before it counts as out of reach: a failover of NameNodes or the start of a DataNode fits in. */
export const HDFS_RETRY_MS = 30_000;

/** Waits between those, doubling. */
export const HDFS_BACKOFF_MS_MIN = 100;
export const HDFS_BACKOFF_MS_MAX = 3_000;

/** S3 copies an object of at most 5 GiB in one request. Segments are far below it. */
export const S3_OBJECT_BYTES_MAX = 5 * GIB;

/** How often a request to S3 is made while it answers with 5xx or is overtaken by another of ours. Waits double from 100 ms. */
export const S3_ATTEMPTS_MAX = 5;

/** Most of an answer in JSON: a page of a list has 1,000 files at about 350 bytes unless `dfs.ls.limit` is raised. */
export const HDFS_ANSWER_BYTES_MAX = 16 * MIB;

/**
 * Versions of the manifest from one checkpoint to the next: what whoever opens the archive reads one by one. Fewer write
 * the whole sum more often (100,000 files are about 35 MB).
 */
export const MANIFEST_CHECKPOINT_VERSIONS = 64;

/** Versions are kept so long behind the checkpoint that replaces them: for readers that lag, and for a person who asks what happened. */
export const MANIFEST_KEPT_MS = DAY_MS;

/** Files that one version adds, removes or tells to be deleted, each. A cut is bounded far below it by its staging files. */
export const MANIFEST_VERSION_FILES_MAX = 10_000;

/**
 * Files in the archive, about 1 KB of memory each in every thread that holds the manifest. Compacted, a stream makes 24 a
 * day: 57 years of it.
 */
export const MANIFEST_FILES_MAX = 500_000;

/** A version of 10,000 files is about 7 MB; a text cannot be longer than 512 MiB in V8, and 500,000 files are about 200 MB. */
export const MANIFEST_VERSION_BYTES_MAX = 64 * MIB;
export const MANIFEST_CHECKPOINT_BYTES_MAX = 400 * MIB;

/** Versions that whoever opens the archive asks for at a time: hides the round trips to a remote archive. */
export const MANIFEST_READS_AT_ONCE = 8;

/** Lost races for the next version before a claim gives up. Each means that somebody else is writing just now. */
export const MANIFEST_CLAIMS_MAX = 16;

/** Versions of the manifest that a data folder remembers as its own; of those, one or two may still be on their way. */
export const OWN_COMMITS_MAX = 32;

/** Files that are put, moved or removed at once: fills the way to a remote archive, and takes little of a small machine. */
export const ARCHIVE_TRANSFERS_AT_ONCE = 4;

/** Waits between attempts to reach an archive: a blip costs little, an outage of hours no storm. Doubles in between. */
export const ARCHIVE_RETRY_MS_MIN = 100;
export const ARCHIVE_RETRY_MS_MAX = 10_000;

/** A file that is not whole after that long has lost its writer. */
export const ARCHIVE_TEMPORARY_KEPT_MS = DAY_MS;

/** Bytes of a backup that are read, hashed and written in one go. */
export const BACKUP_CHUNK_BYTES = 1 * MIB;

/**
 * What a backup reads a second, so that senders and partitions keep most of the disk: 32 GiB of log take five minutes. Faster, and
 * a busy disk shows in the time of acknowledgements; slower, and the log, which is not deleted meanwhile, grows by more.
 */
export const BACKUP_BYTES_PER_SECOND = 100 * MIB;

/** Times that a copy of the archive begins anew because files of its version were deleted. Each deletion waits for minutes before. */
export const BACKUP_ARCHIVE_TRIES_MAX = 8;

/** A page of state rows and one more row; a longer one is damage. */
export const DUMP_FRAME_BYTES_MAX = 512 * MIB;
