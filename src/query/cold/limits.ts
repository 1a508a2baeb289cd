/** Bounds of questions about single events, with the reason for each value. */

/** Events of one page: each is an object with all its fields. */
export const EVENTS_PAGE_MAX = 1_000;

/** Bounds of what is counted of their times: a page takes tens of milliseconds, a statement may take minutes. */
export const COLD_MS_BOUNDS = [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000];

/** Questions that may wait, of all tenants; each takes seconds. Past it `query_overload`. */
export const COLD_WAITING_MAX = 32;

/** How long `position` waits. What is applied is committed `commit.intervalMs` later. */
export const COMMITTED_TIMEOUT_MS = 10_000;
/** Commits come at most every 100 ms. */
export const COMMITTED_POLL_MS = 25;

/** Columns that may be named in an export: a stream has 200 at most, and rare fields besides. */
export const EXPORT_COLUMNS_MAX = 256;
