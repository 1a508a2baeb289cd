/** Bounds of the archiver, with the reason for each value. */

/**
 * Staging files of one cut, which are open at once: one per partition, stream and hour. A cut that would need more ends
 * before it does; then many small streams make many small cuts.
 */
export const STAGES_MAX = 512;

/**
 * Part of a cut that has to wait behind one that is being sealed for the next to be staged meanwhile. Less makes more and smaller files; with
 * a whole cut the log would wait for longer than it takes to write two.
 */
export const STAGED_AHEAD_SHARE = 0.5;

/** Cuts that are made one behind the other before the archiver listens to others again: half a minute of them. */
export const CUTS_IN_A_ROW_MAX = 8;

/**
 * Of a cut, in its bytes of log: free on the disk, beyond what stays free, for the next to be staged ahead. What is staged takes about as much
 * as the log, and with the segments of the cut before it less than twice that.
 */
export const STAGED_AHEAD_ROOM = 2;

/** How often it looks whether a cut is due. */
export const LOOK_INTERVAL_MS = 1_000;

/**
 * How often a node of a cluster reads what the others have archived: by so much more log a question about single events reads. Two small
 * reads each time.
 */
export const REFRESH_INTERVAL_MS = 5_000;

/** How often it takes away what other servers have left unfinished. */
export const SWEEP_INTERVAL_MS = 10 * 60_000;

/** Log without events that is passed over before a version says so: until then it is read again after a restart. */
export const EMPTY_COMMIT_BYTES = 32 * 1024 * 1024;

/** Work beside cuts goes on for so long before the archiver listens to others again; a step of it may take longer. */
export const WORK_MS_MAX = 2_000;

/** Files that are merged in one go: DuckDB holds what each says of itself, some 100 KB where a stream has many columns. */
export const GROUP_FILES_MAX = 256;
/** An hour with so many files is compacted before it is over: one version can only replace 10,000. */
export const CROWDED_FILES = 1_000;
/** So many files fewer are worth rewriting a compacted hour at once; for less it waits until no more come. */
export const LATE_FILES = 8;

/** Files that are deleted in one step: some seconds on a slow archive. */
export const DELETED_AT_ONCE_MAX = 200;
/** Deleted files that no version tells of yet, before one is made for them: half of what one may tell. */
export const UNTOLD_MAX = 5_000;
