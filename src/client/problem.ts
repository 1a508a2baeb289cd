/** What a developer should hear of: it reaches nobody else. */

export const PROBLEM_CODES = [
  /** `track` was given what is no event. */
  'invalid_event',
  /** An event is longer than a request may be. */
  'too_large',
  /** More waits than the bounds allow: new events are given up, and counted. */
  'queue_full',
  /** The server refused events, and keeps them as dead letters. */
  'refused',
  /** The server took nothing of a request: the events wait. */
  'not_taken',
  /** No answer: the events wait. */
  'unreachable',
  /** What waits is kept in memory only. */
  'store_failed',
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];

export interface Problem {
  readonly code: ProblemCode;
  /** What happened, what was expected, and what to do. */
  readonly message: string;
}

/** Of each code one a minute: a page that is offline is no flood. */
const QUIET_MS = 60_000;

/** Passes on what has not been said of late. */
export function sparing(
  tell: (problem: Problem) => void,
  now: () => number,
): (code: ProblemCode, message: string) => void {
  const toldMs = new Map<ProblemCode, number>();
  return (code, message) => {
    const before = toldMs.get(code);
    // A clock that was set back must not silence it.
    if (before !== undefined && Math.abs(now() - before) < QUIET_MS) return;
    toldMs.set(code, now());
    tell({ code, message });
  };
}
