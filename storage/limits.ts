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

/** Copies of damaged ends beside the journal, each of a round at most. A disk that damages more is to be replaced, not recorded. */
export const DAMAGED_ENDS_MAX = 8;

/**
 * Bytes whose checksums are tried in search of blocks in a damaged end: under a second. What senders write may look like
 * any number of headers of large blocks.
 */
export const DAMAGED_END_TRIED_BYTES_MAX = 1 * GIB;

/**
 * Most bytes the journal keeps on disk before it answers `log_full`: about ten minutes of full load, days of a moderate
 * one. It must hold the dedup window and whatever is not applied yet.
 */
export const JOURNAL_BYTES_MAX = 32 * GIB;

/** Free space the journal leaves on its file system: RocksDB must still be able to flush, compact and recover. */
export const DISK_RESERVE_BYTES = 1 * GIB;

/** As `JOURNAL_FILE_BYTES`, of the spool: smaller, because what is drained shall be deleted while the rest is still there. */
export const SPOOL_FILE_BYTES = 64 * MIB;

/**
 * What is drained in one go, and again after a crash: below what one produce request may have, above what hides its round
 * trip. The next part is read meanwhile, so that twice as much is in memory.
 */
export const SPOOL_RUN_BYTES = 1 * MIB;

/**
 * Without an acknowledgement for so long, events go to the spool: an election of leaders takes less, and memory holds what comes
 * meanwhile. Senders wait no longer than that either.
 */
export const SPOOL_PATIENCE_MS = 2_000;

/** A log that was out of reach or slow must have been well for so long before events go to it again. Shorter may flap. */
export const SPOOL_CALM_MS = 10_000;

/** How often it is looked whether the log is there again. */
export const SPOOL_RETRY_MS = 250;

/** Of how many lives of producers its blocks may be. Partitions know twice as many again. */
export const SPOOL_RUN_LIVES_MAX = 32;

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

/** Bytes of a topic that one backlog count reads: there are no headers apart. About a second of work, as above. */
export const BACKLOG_TOPIC_BYTES_MAX = 256 * MIB;
/** As long as operators' questions wait for anything else. */
export const BACKLOG_TOPIC_MS_MAX = 2_000;

/** Bytes per read while a journal is inspected: nobody waits for it, and large reads are few. */
export const JOURNAL_WALK_BYTES = 4 * MIB;

/**
 * Memory for RocksDB's memtables, of which a quarter is one memtable. It also bounds the write-ahead log, which a
 * restart reads back: larger means fewer, larger flushes and a longer restart.
 */
export const ROCKSDB_MEMTABLE_BYTES = 64 * MIB;

/**
 * Free on the disk before a state store that a full one has stopped is opened anew: its write-ahead log is written to files then, and as
 * much again keeps it from being stopped at once.
 */
export const STATE_ROOM_BYTES = 2 * ROCKSDB_MEMTABLE_BYTES;

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

/** The same of a commit in a cluster, whose nodes may all be writing: of a hundred at once the last would need so many. */
export const MANIFEST_ATTEMPTS_MAX = 100;

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

/** What a checkpoint reads of the state a second. More makes rounds shorter and shows in the time of acknowledgements on two busy cores. */
export const CHECKPOINT_BYTES_PER_SECOND = 32 * MIB;

/** Of zstd. Rows compress well or not at all: higher levels take several times as long for little. */
export const CHECKPOINT_ZSTD_LEVEL = 1;

/**
 * Records of a topic's partition by which a checkpoint has to be ahead of what a node has, to be fetched when it takes the partition.
 * They are read in a tenth of a second; a checkpoint of megabytes takes longer.
 */
export const RESTORE_AHEAD_MIN = 10_000;

/** A file of a checkpoint that no set names may be of a round under way on another node: none takes so long. */
export const CHECKPOINT_STRAYS_KEPT_MS = 24 * 3_600_000;

/** A round waits so long for the change that has the last of the server's rows; the next one has them otherwise. */
export const SERVER_PART_WAIT_MS = 10_000;

/** Lost races for the chain of changes before a leader gives up, and begins anew. Each means that another has just written to it. */
export const CHANGE_CLAIMS_MAX = 32;

/** A set names each of 1,024 partitions in about 250 bytes. */
export const CHECKPOINT_SET_BYTES_MAX = 4 * MIB;

/** Lost races for a life before a start gives up. Each means that somebody else starts over the same topic just now. */
export const LIFE_CLAIMS_MAX = 16;

/** Claims of earlier lives that are kept for a person who asks what has happened. */
export const LIVES_KEPT = 64;

/** Changed rows of the server that wait for the archive. Past it the next checkpoint has them; a row is some kilobytes. */
export const SERVER_CHANGES_ROWS_MAX = 20_000;

/** A commit that others are told of waits so long for the archive. Longer, and an archive that hangs holds up alarms. */
export const SERVER_CHANGES_WAIT_MS = 2_000;

/** What can wait goes to the archive together after so long. Shorter makes more files, longer repeats more messages after a loss. */
export const SERVER_CHANGES_DELAY_MS = 1_000;

/**
 * A broker that has not taken a connection by then, or not said who leads what, is away. In one data centre both take, with TLS and
 * SASL, well under 100 ms.
 */
export const KAFKA_CONNECT_MS_MAX = 3_000;

/** A broker answers later only if it hangs: then its connection is ended. Longer than what it may wait itself. */
export const KAFKA_REQUEST_MS_MAX = 6_000;

/** How long a leader waits for its replicas until it says that it does not know. */
export const KAFKA_ACK_MS_MAX = 4_000;

/** From then on without an acknowledgement new appends are refused. An election of leaders takes less; more would only fill memory. */
export const KAFKA_STALL_MS = 2_000;

/** An append is sent again so long, and then rejected: a sender still waits for its answer. */
export const KAFKA_APPEND_MS_MAX = 10_000;

/** How often it is looked whether the topic is still there while nothing else asks: a request of some 100 bytes. */
export const KAFKA_LOOK_MS = 2_000;

/** Brokers that say for so long that there is no such topic do not lack it because they have just started. With a spool nobody waits for that. */
export const KAFKA_MISSING_MS = 5_000;

/** Waits between attempts to reach brokers: an election is noticed at once, an outage of hours is no storm. Doubles in between. */
export const KAFKA_RETRY_MS_MIN = 50;
export const KAFKA_RETRY_MS_MAX = 1_000;

/** Bytes that may wait for brokers before `log_backpressure`, as with a disk. */
export const KAFKA_PENDING_BYTES_MAX = JOURNAL_PENDING_BYTES_MAX;

/** Most bytes of one batch unless a block is larger: what a topic takes by default (`max.message.bytes`), and less. */
export const KAFKA_BATCH_BYTES = 1_000_000;

/** Most bytes of one request, far below what a broker takes (`socket.request.max.bytes`, 100 MiB). The largest block fits. */
export const KAFKA_ROUND_BYTES_MAX = JOURNAL_ROUND_BYTES_MAX;

/**
 * Most bytes of one fetch, of which one is read while the one before is worked on: more amortise a request better, and are
 * more memory for each broker and thread.
 */
export const KAFKA_READ_BYTES = 1 * MIB;

/** A partition of the log's topic in which no block is where one should be is looked at again so often: a person may have mended it. */
export const KAFKA_FAULT_RETRY_MS = 2_000;

/** How long a broker holds a fetch back while there is nothing: a new record is answered at once. Also how old the ends of an idle topic are. */
export const KAFKA_FETCH_WAIT_MS = 1_000;

/** Records of one batch of a topic, unpacked: brokers take batches of 1 MiB by default, which rarely are more than 20 MiB. */
export const UNPACKED_BATCH_BYTES_MAX = 256 * MIB;

/**
 * Most bytes of one fetch of foreign topics from one broker, and of one partition in it. While some are decoded the next are on
 * their way; more amortise a request better, and are more memory.
 */
export const FOREIGN_FETCH_BYTES = 4 * MIB;
export const FOREIGN_PARTITION_BYTES = 1 * MIB;

/** Without a sign of life for so long, a member of a group is given up and its partitions go to others. As other clients do. */
export const GROUP_SESSION_MS = 45_000;
export const GROUP_HEARTBEAT_MS = 3_000;

/** How long the members of a group have to hand over what they read, and to come back. */
export const GROUP_REBALANCE_MS = 60_000;
