/** Bounds of following the log, with the reason for each value. */

/** Events a second that one reader may ask for: a person reads ten, a program that needs all of them exports. */
export const FOLLOWED_PER_SECOND_MAX = 1_000;
/**
 * Of that many seconds what was not used comes later: partitions commit every `commit.intervalMs`, 2 s unless it is set, and
 * what came in between comes at once.
 */
export const BURST_SECONDS = 4;

/** Text of the events of one message: any of them may have a MiB. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;
/** Messages on their way to one reader. When it has taken none of them, events are counted and passed over. */
export const MESSAGES_MAX = 2;

/** What was passed over is told so often, if nothing else is. */
export const SKIPPED_TOLD_MS = 1_000;

/** How often it is looked whether something was committed: what a reader waits for it, at most. */
export const LOOK_INTERVAL_MS = 50;

/** Readers at a time, and of one tenant. Each judges every block of its stream. */
export const FOLLOWERS_MAX = 100;
export const FOLLOWERS_PER_TENANT_MAX = 50;
