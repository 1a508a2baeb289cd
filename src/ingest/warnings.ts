/** What an answer warns of: events that were taken, and probably do not mean what they say. */

export interface Warning {
  readonly code: 'ts_in_seconds';
  readonly message: string;
}

/** Ten digits: seconds from 2001 on. As milliseconds they lie in the first months of 1970. */
const SECONDS_MIN = 1e9;
const SECONDS_MAX = 1e10;

/** `tsMs`: the time of an event as it was sent; undefined of a body without any. */
export function timeWarning(tsMs: number | undefined): Warning | undefined {
  if (tsMs === undefined || tsMs < SECONDS_MIN || tsMs >= SECONDS_MAX) return undefined;
  return {
    code: 'ts_in_seconds',
    message: `"ts" is epoch milliseconds, so an event with ${tsMs} was taken as of ${new Date(tsMs).toISOString()}: if these are seconds, send them times 1,000`,
  };
}
