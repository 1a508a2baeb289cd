/** Bounds of sources that nobody needs to configure, each with its reason. */

/** Streams of tenants that one source is known to write to; more are found anew each time. */
export const DESTINATIONS_MAX = 1_024;
/** Fetched bytes of one source that are not durable yet: enough for two fetches of each of three brokers, or for a slow sync. */
export const PENDING_BYTES_MAX = 16 * 2 ** 20;
/** One source decodes so long until others, and the signs of life of its group, have a turn. */
export const TURN_MS = 10;
/** How often a log that takes nothing is looked at. */
export const LOG_LOOK_MS = 50;
/** How often what is durable is committed to the group: what a server that is killed makes the next one read again. */
export const COMMIT_MS = 1_000;
/** What is read gets so long to become durable before its partitions go to others. Far below a rebalance's bound. */
export const HAND_OVER_MS = 10_000;
/** Nothing is read while the group was not heard of for so long: it may be giving the partitions to others. */
export const GROUP_SILENCE_MS = 15_000;
/** How often topics are looked at for new partitions. */
export const TOPICS_LOOK_MS = 30_000;
/** Waits between attempts to read a source that cannot be read; each is twice the one before. */
export const RETRY_MS_MIN = 200;
export const RETRY_MS_MAX = 10_000;
