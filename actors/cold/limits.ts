/** Bounds of questions to the archive, with the reason for each value. */

const MIB = 2 ** 20;

/** One answer, as text: a browser still shows it, and the main thread is not held up while it writes it. */
export const ANSWER_BYTES_MAX = 8 * MIB;

/** What one question may spill to the disk. */
export const SPILL_BYTES_MAX = 2048 * MIB;

/** Text of a statement. Its tree is some 50 times as long, and walked on a thread that others wait for. */
export const SQL_LENGTH_MAX = 20_000;
/** Nodes of a statement's tree that lie in each other. DuckDB itself gives up at 1,000. */
export const SQL_DEPTH_MAX = 300;
/**
 * Runs of equally long steps that a timeseries is cut into, some 100 bytes of its statement each and for each kind of file: those of months
 * in 180 years, or of days of a zone in 500.
 */
export const STEP_RUNS_MAX = 2_000;
/** Streams that one statement reads; each costs a look through its files. */
export const SQL_STREAMS_MAX = 16;

/**
 * Files that the first look for a page takes, and by how much each further look takes more: a page of newest events mostly
 * lies in the newest files, a rare event in any.
 */
export const FILES_FIRST = 8;
export const FILES_GROWTH = 4;
/** If filters have left out most files each of the others has an event, mostly, and a page is in about as many files as it has events. */
export const FILES_FIRST_SIEVED = 256;
/** Files of one look: each takes some 100 KB of DuckDB's memory. */
export const FILES_AT_ONCE = 2_048;

/** A condition becomes a piece of SQL: deeper ones would recurse deep. */
export const WHERE_DEPTH_MAX = 8;
export const WHERE_TERMS_MAX = 256;

/** Streams whose unarchived events are kept staged; the least recently asked go first. */
export const TAILS_MAX = 64;

/** A version whose log was cut while it was read is followed by a newer one at once; more often in a row is something else. */
export const SNAPSHOT_TRIES = 5;

/**
 * How long a question waits for a partition that is on its way to another node: a move in good order takes about a second, and after
 * the death of a node its partitions are where they were only when a session is over, which is told instead.
 */
export const MOVE_WAIT_MS = 3_000;
export const MOVE_LOOK_MS = 200;

/** Files of an export that are fetched and read together: of a remote archive so much lies here, and no more. */
export const EXPORT_BATCH_FILES = 256;
export const EXPORT_BATCH_BYTES = 256 * MIB;
/** Row groups of a Parquet export: DuckDB holds one in memory, whatever its own limit says. */
export const EXPORT_ROW_GROUP_BYTES = 48 * MIB;

/** A question for a value that had to look into more files is answered from filters of their values the next time. */
export const UNFILTERED_FILES_MAX = 32;
/** Of 16 bits a value not more than one is set: of files that do not hold a value, at most 6 of 100 are read for it. */
export const FILTER_BITS_A_ROW = 16;
/** 128 bytes to 2 MiB: a file of more than a million events has none. */
export const FILTER_BITS_MIN = 2 ** 10;
export const FILTER_BITS_MAX = 2 ** 24;
/** Of all filters: those of one field of 16 to 32 million events. */
export const FILTERS_BYTES_MAX = 64 * MIB;
/** Files of which is kept where their own filters are, some KB each: finding out takes three times as long as asking one. */
export const FILTER_PLACES_FILES_MAX = 4_096;
/** Between two turns of the thread's loop: some milliseconds. */
export const FILTERS_AT_ONCE = 64;
/** One statement that makes some: whoever asks meanwhile waits for it, and its answer is text. */
export const FILTER_BATCH_FILES = 64;
export const FILTER_BATCH_BYTES = 4 * MIB;
export const FILTER_TIMEOUT_MS = 10_000;

/**
 * Segments that were opened by themselves for one question, from which on small ones of a day are joined. A file takes DuckDB 0.4 ms
 * of CPU to open, as much as to count some 10,000 events of it.
 */
export const JOINS_WISHED_FILES_MIN = 32;
export const JOINED_FILES_MIN = 8;
/** Those of a day, mostly; one is held in memory at a time, with its plain bytes. */
export const JOINED_FILES_MAX = 64;
/** A larger segment gains little. */
export const JOINED_SEGMENT_BYTES_MAX = MIB;
/** One join: three to five times the bytes of its segments, mostly. */
export const JOINED_BYTES_MAX = 128 * MIB;
/** All of them: what 20 to 30 million small events take. */
export const JOINS_BYTES_MAX = 2048 * MIB;
export const JOINS_MAX = 1_024;
/** None is made on a disk that has less: it is the journal's, too. */
export const JOINS_DISK_FREE_BYTES_MIN = 8192 * MIB;
