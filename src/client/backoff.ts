/** How long a client waits before it tries again. */

/** Soon enough that a restart of the server is hardly seen. */
const FIRST_MS = 1_000;
/** Larger spares a server that is away for long, and makes a client find it later. */
const LONGEST_MS = 300_000;

/**
 * After `failures` attempts in a row, `random` from 0 to below 1: half of what doubles each time, and any part of the other half, so that
 * clients that failed together do not come back together. What the server asked for (`afterMs`) is never shortened; up to a
 * quarter more is waited for the same reason.
 */
export function waitMs(failures: number, afterMs: number | undefined, random: number): number {
  const doubled = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 30));
  const own = doubled * (0.5 + random / 2);
  return Math.ceil(afterMs === undefined ? own : Math.max(afterMs * (1 + random / 4), own));
}
