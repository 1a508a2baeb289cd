/** Bounds of the archiver, with the reason for each value. */

/**
 * Staging files of one cut, which are open at once: one per partition, stream and hour. A cut that would need more ends
 * before it does; then many small streams make many small cuts.
 */
export const STAGES_MAX = 512;

/** How often it looks whether a cut is due. */
export const LOOK_INTERVAL_MS = 1_000;

/** Removed files stay this long: a query may still read the version that named them. */
export const REMOVED_GRACE_MS = 15 * 60_000;
/** How often those whose time is over are deleted, and what other servers have left unfinished. */
export const SWEEP_INTERVAL_MS = 10 * 60_000;

/** Log without events that is passed over before a version says so: until then it is read again after a restart. */
export const EMPTY_COMMIT_BYTES = 32 * 1024 * 1024;
